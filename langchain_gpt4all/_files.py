"""The text of files that come along in messages."""

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.process import LoaderProcess


@lru_cache(maxsize=16)
def file_text(data: bytes, *, suffix: str) -> str:
    """The text of a PDF, DOCX or HTML file, read in a child process like the documents of an index.

    Takes a fraction of a second, and none for a file that was read lately: the later turns of a
    conversation bring it along again. Thread-safe.
    Raises UnreadableDocument for a damaged file, and for one without text, as scans are.
    """
    with TemporaryDirectory(prefix="gpt4all-") as folder, LoaderProcess() as loaders:
        path = Path(folder) / f"attachment{suffix}"
        path.write_bytes(data)
        try:
            return loaders.load(path).text
        except UnreadableDocument as error:  # the folder is gone before anybody could look into it
            raise UnreadableDocument(Path(path.name), error.reason) from error
