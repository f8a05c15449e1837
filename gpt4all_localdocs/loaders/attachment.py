"""The text of a file that comes along in a message, as bytes."""

from functools import lru_cache
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.process import LoaderProcess

_SUFFIXES = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/html": ".html",
}


@lru_cache(maxsize=16)
def attachment_text(data: bytes, *, mime_type: str = "", name: str = "attachment") -> str:
    """The text of a PDF, DOCX, HTML or UTF-8 text file.

    name: tells what it is where `mime_type` does not. PDF, DOCX and HTML are read in a child process,
    like the documents of an index, which takes a fraction of a second, and none for a file that was
    read lately: the later turns of a conversation bring it along again. Thread-safe.
    Raises UnreadableDocument for a damaged file, for one without text, as scans are, and for one of
    another kind.
    """
    suffix = _SUFFIXES.get(mime_type) or PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES.values():
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            kind = mime_type or suffix or "unknown"
            reason = f"a file of type {kind!r} that is not UTF-8; send PDF, DOCX, HTML or plain text"
            raise UnreadableDocument(Path(name), reason) from error
    with TemporaryDirectory(prefix="gpt4all-") as folder, LoaderProcess() as loaders:
        path = Path(folder) / f"attachment{suffix}"
        path.write_bytes(data)
        try:
            return loaders.load(path).text
        except UnreadableDocument as error:  # the folder is gone before anybody could look into it
            raise UnreadableDocument(Path(name), error.reason) from error
