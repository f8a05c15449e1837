"""Turns a text file's bytes into text when nobody says how they are encoded."""

import codecs
import re
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.guess_encoding import guess_encoding

# UTF-32 first: its little-endian mark begins with the mark of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ISO_2022_ESCAPES = (b"\x1b$B", b"\x1b$)C", b"\x1b$@")
"""How Japanese and Korean begin in the seven bits that mail was once limited to."""

_SAMPLE_BYTES = 262_144
"""What the statistical detector sees: enough to tell languages apart, and it needs a second a megabyte."""

_BINARY = "is a binary file, not text"
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?")


def read_text(path: Path) -> str:
    r"""The text of a file with `\n` line ends; see `decode_text` for how its encoding is found."""
    return normalize_newlines(decode_text(path.read_bytes(), path=path))


def normalize_newlines(text: str) -> str:
    r"""The same text with `\n` where it had `\r\n` or `\r`; form feeds stay."""
    return _LINE_END.sub("\n", text)


def decode_text(encoded: bytes, *, path: Path) -> str:
    """The text of bytes: by byte order mark, as UTF-8, as UTF-16, else by what the letters suggest.

    UTF-8 with a few broken bytes stays UTF-8, with U+FFFD in their place. `path` is for the
    message only. Raises UnreadableDocument for binary content, and where no encoding fits.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if encoded.startswith(mark):
            return encoded.decode(encoding, "replace")
    if b"\0" in encoded:
        return _decode_utf16(encoded, path)
    try:
        text = _decode_by_letters(encoded, path) if _is_iso_2022(encoded) else encoded.decode("utf-8")
    except UnicodeDecodeError:
        text = _decode_mostly_utf8(encoded) or _decode_by_letters(encoded, path)
    return _refuse_binary(text, path)


def _is_iso_2022(encoded: bytes) -> bool:
    return encoded.isascii() and any(escape in encoded for escape in _ISO_2022_ESCAPES)


def _refuse_binary(text: str, path: Path) -> str:
    """Text has no NUL and hardly any other control characters; logs have some, for colours."""
    if "\0" in text or len(_CONTROL.findall(text)) * 20 > len(text):
        raise UnreadableDocument(path, _BINARY)
    return text


def _decode_utf16(encoded: bytes, path: Path) -> str:
    """UTF-16 without a mark has its zero bytes on one side: the odd one if it is little-endian."""
    even, odd = encoded[::2].count(0), encoded[1::2].count(0)
    if min(even, odd) * 20 > max(even, odd):
        raise UnreadableDocument(path, _BINARY)
    try:
        text = encoded.decode("utf-16-le" if odd > even else "utf-16-be")
    except UnicodeDecodeError:
        raise UnreadableDocument(path, _BINARY) from None
    return _refuse_binary(text, path)


def _decode_mostly_utf8(encoded: bytes) -> str | None:
    """UTF-8 if at most one in twenty of its non-ASCII characters is broken.

    Valid multi-byte sequences hardly occur by chance in other encodings.
    """
    text = encoded.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    non_ascii = sum(1 for character in text if character > "\x7f")
    return text if broken * 20 <= non_ascii else None


def _decode_by_letters(encoded: bytes, path: Path) -> str:
    if _is_iso_2022(encoded):
        encoding: str | None = "iso2022_kr" if _ISO_2022_ESCAPES[1] in encoded else "iso2022_jp_2"
    else:
        encoding = guess_encoding(encoded) or _detect_by_statistics(encoded)
    if encoding is None:
        raise UnreadableDocument(path, "its text encoding could not be recognised; save it as UTF-8")
    return encoded.decode(encoding, "replace")


def _detect_by_statistics(encoded: bytes) -> str | None:
    """For languages that `guess_encoding` does not know."""
    from charset_normalizer import from_bytes  # noqa: PLC0415 - most files are UTF-8 and never need it

    best = from_bytes(encoded[:_SAMPLE_BYTES]).best()
    return best.encoding if best is not None else None
