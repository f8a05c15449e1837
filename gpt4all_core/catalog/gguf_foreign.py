"""Says what a file that is no GGUF probably is, and where a GGUF is to be had."""

_GET_GGUF = "get the model as a .gguf file"

# Where in the file to look, what stands there, and what that means. The four old magics are those
# of the formats that GGUF replaced in August 2023, as little-endian files begin.
_SIGNATURES: tuple[tuple[int, tuple[bytes, ...], str], ...] = (
    (
        0,
        (b"lmgg", b"fmgg", b"tjgg", b"algg"),
        f"is an old GGML file, a format that llama.cpp no longer reads; {_GET_GGUF}",
    ),
    (
        0,
        (b"version https://git-lfs",),
        "is a Git LFS pointer, not the model itself; run git lfs pull, or download the file",
    ),
    (0, (b"FUGG",), f"is a GGUF written backwards; {_GET_GGUF} for little-endian machines"),
    (0, (b"PK",), f"is a zip archive or a PyTorch checkpoint, not a GGUF; {_GET_GGUF}"),
    (8, (b'{"',), f"is a safetensors file, not a GGUF; {_GET_GGUF}"),
)
_TEXT_SIGNATURES: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (
        (b"<",),
        "is an HTML page, not a model; the download was probably redirected; use the file's own address",
    ),
    (
        (b"{", b"["),
        "is JSON text, not a model, probably a server's error message; remove it and download again",
    ),
)


def describe_foreign_file(start: bytes) -> str:
    """One sentence on a file from its first few hundred bytes, which are not `GGUF`."""
    if not start:
        return "is empty; the download probably failed, so remove it and download again"
    for offset, prefixes, meaning in _SIGNATURES:
        if start[offset:].startswith(prefixes):
            return meaning
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for prefixes, meaning in _TEXT_SIGNATURES:
        if text.startswith(prefixes):
            return meaning
    return f"is not a GGUF file: it begins with {start[:4]!r} instead of b'GGUF'; {_GET_GGUF}"
