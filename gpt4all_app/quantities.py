"""Sizes and counts as people read them. Pure."""


def as_bytes(count: int | None) -> str | None:
    """`4.7 GB`, `99 MB`; None for what is not known, as in the others."""
    if count is None:
        return None
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def as_parameters(count: int | None) -> str | None:
    """`8.0 B`, `135 M`."""
    if count is None:
        return None
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"


def as_tokens(count: int | None) -> str | None:
    return None if count is None else f"{count:,} tokens"
