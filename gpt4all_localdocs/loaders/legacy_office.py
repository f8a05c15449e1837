"""Word and PowerPoint files of before 2007, which are not read; what only bears their ending is.

`recognise` finds what a file is that ends in `.doc`: very often RTF, DOCX or a page. This loader is for the
others, and says what to do with them.
"""

from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".doc", ".dot", ".ppt", ".pps")
VERSION: int = 1


def load(path: Path) -> Document:
    """Raises UnreadableDocument, with the way out as reason."""
    import olefile  # noqa: PLC0415 - listing suffixes must not load a parser

    names: set[str] = set()
    if path.stat().st_size and olefile.isOleFile(path):
        try:
            with olefile.OleFileIO(path) as storage:
                names = {entry[0] for entry in storage.listdir()}
        except Exception as error:
            # olefile raises whatever its arithmetic on a damaged file comes to.
            raise UnreadableDocument(path, f"is damaged ({error})") from error
    if "EncryptedPackage" in names:
        raise UnreadableDocument(path, "is encrypted; remove its password")
    if "WordDocument" in names:
        raise UnreadableDocument(path, "is a Word file of before 2007; save it as .docx")
    if "PowerPoint Document" in names:
        raise UnreadableDocument(path, "is a PowerPoint file of before 2007; save it as .pptx")
    raise UnreadableDocument(path, "is no Office file, or is damaged")
