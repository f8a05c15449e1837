"""The packed RTF of Outlook messages (MS-OXRTFCP): Lempel-Ziv over a window that begins with common RTF."""

import struct

_HEADER = struct.Struct("<II4sI")
_WINDOW = 4096
_PRESET = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans "
    rb"SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0" + b"\r\n" + rb"\par "
    rb"\pard\plain\f0\fs20\b\i\u\tab\tx"
)
_MAX_BYTES = 64 * 1024**2


def unpack_rtf(packed: bytes) -> bytes:
    """The RTF in a property; raises ValueError for what is none or claims to be too much."""
    if len(packed) < _HEADER.size:
        raise ValueError("its packed RTF is cut off")
    _, size, kind, _ = _HEADER.unpack_from(packed)
    if size > _MAX_BYTES:
        raise ValueError(f"its packed RTF claims to be {size:,} bytes")
    if kind == b"MELA":
        return packed[_HEADER.size : _HEADER.size + size]
    if kind != b"LZFu":
        raise ValueError(f"its RTF is packed in an unknown way, {kind!r}")
    return _unpack(packed, size)


def _unpack(packed: bytes, size: int) -> bytes:
    """Literal bytes and references of two bytes: 12 bits of place in the window, 4 of length less two."""
    window = bytearray(_PRESET.ljust(_WINDOW, b"\0"))
    write = len(_PRESET)
    unpacked = bytearray()
    place = _HEADER.size
    while place < len(packed) and len(unpacked) < size:
        control, place = packed[place], place + 1
        for bit in range(8):
            if not control >> bit & 1:
                if place >= len(packed):
                    break
                copied, place = packed[place : place + 1], place + 1
            else:
                reference, place = int.from_bytes(packed[place : place + 2], "big"), place + 2
                offset, length = reference >> 4, (reference & 0xF) + 2
                if offset == write % _WINDOW:
                    return bytes(unpacked[:size])
                copied = b""
                for index in range(length):
                    byte = window[(offset + index) % _WINDOW]
                    window[(write + index) % _WINDOW] = byte
                    copied += bytes([byte])
            for index, byte in enumerate(copied):
                window[(write + index) % _WINDOW] = byte
            write += len(copied)
            unpacked += copied
    return bytes(unpacked[:size])
