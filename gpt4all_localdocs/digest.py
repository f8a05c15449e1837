"""Short names for contents."""

import hashlib


def digest(*parts: str) -> str:
    """128 bits in hex over parts that cannot run into each other."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(len(encoded).to_bytes(8, "little") + encoded)
    return state.hexdigest()
