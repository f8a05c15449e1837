"""The container of Office files of before 2007: streams by name.

Container: [MS-CFB]; read by olefile.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gpt4all_core.errors import UnreadableDocument

ENCRYPTED: Final = "is encrypted; remove its password"


@dataclass(frozen=True, slots=True)
class OleStreams:
    """What was asked for of one file's streams, as far as it is there, and the title in its properties."""

    streams: dict[str, bytes]
    title: str


def read_streams(path: Path, *names: str, what: str) -> OleStreams:
    """The streams of these names; the first one is what makes the file `what`, "a Word document".

    Raises UnreadableDocument where that one is missing, and for a file that is encrypted or damaged.
    """
    import olefile  # noqa: PLC0415 - listing suffixes must not load a parser

    if not path.stat().st_size or not olefile.isOleFile(path):
        raise UnreadableDocument(path, "is no Office file, or is damaged")
    try:
        with olefile.OleFileIO(path) as container:
            is_encrypted = container.exists("EncryptedPackage")
            streams = {name: container.openstream(name).read() for name in names if container.exists(name)}
            metadata = container.get_metadata()
    except Exception as error:
        # olefile raises whatever its arithmetic on a damaged file comes to.
        raise UnreadableDocument(path, f"is damaged ({error})") from error
    if is_encrypted:
        raise UnreadableDocument(path, ENCRYPTED)
    if names[0] not in streams:
        raise UnreadableDocument(path, f"is not {what}, or is damaged")
    return OleStreams(streams, _decoded(metadata.title, metadata.codepage))


def _decoded(title: object, codepage: object) -> str:
    if isinstance(title, bytes):
        number = codepage & 0xFFFF if isinstance(codepage, int) else 1252
        try:
            title = title.decode("utf-8" if number == 65001 else f"cp{number}", "replace")
        except LookupError:
            title = ""
    return " ".join(title.split()) if isinstance(title, str) else ""
