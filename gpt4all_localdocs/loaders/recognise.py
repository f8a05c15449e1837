"""What a file is by its content: names lie, first bytes and what is inside of archives rarely do."""

import codecs
import re
from collections.abc import Iterable
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.packed import reason_without_text
from gpt4all_localdocs.loaders.safe_zip import SafeZip

BINARY_SUFFIXES = frozenset(
    ".pdf .docx .docm .dotx .dotm .doc .dot .pptx .pptm .ppsx .ppsm .potx .ppt .pps .pot .xlsx .xlsm .xltx"  # noqa: SIM905 - reads faster
    " .xltm .xls .odt .ott .ods .ots .odp .otp .epub .msg .oft .zip .tar .tgz .tbz .txz .gz .bz2 .xz".split()
)
"""Endings of formats that have a signature: a file without it is something else."""

_MAY_BE_PAGES = frozenset({".txt", ".text", ".md", ".markdown", ".xml"})
_HEAD_BYTES = 4096
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_OLE_STREAMS = {
    "__properties_version1.0": ".msg",
    "WordDocument": ".doc",
    "Workbook": ".xls",
    "Book": ".xls",
    "PowerPoint Document": ".ppt",
    "EncryptedPackage": ".doc",
}
_OPC_FOLDERS = {"word/": ".docx", "xl/": ".xlsx", "ppt/": ".pptx"}
_MIME_TYPES = {
    b"application/epub+zip": ".epub",
    b"application/vnd.oasis.opendocument.text": ".odt",
    b"application/vnd.oasis.opendocument.spreadsheet": ".ods",
    b"application/vnd.oasis.opendocument.presentation": ".odp",
}
_PACKERS = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ\0": ".xz"}
_TAR_MARK = slice(257, 262)

_BEFORE_MARKUP = rb"\A(?>\s|<\?xml[^>]*\?>|<!--.*?-->)*+"
_HTML = re.compile(_BEFORE_MARKUP + rb"<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\A\s*<\?xml\s")
_NOTEBOOK = re.compile(rb'\A\s*\{.*"(?:cells|nbformat|worksheets)"\s*:', re.DOTALL)
_JSON = re.compile(rb'\A\s*(?:\{\s*"|\[\s*[\[{"\d])')
_MBOX = re.compile(rb"\AFrom \S+ .*\d\d:\d\d.*\r?\n[\w-]+:")
_MAIL = re.compile(
    rb"\A(?:[\w-]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)*?(?:From|Received|Return-Path|Message-ID|Date):",
    re.IGNORECASE,
)
_MAIL_TOO = re.compile(rb"^(?:To|Subject|MIME-Version|Content-Type):", re.IGNORECASE | re.MULTILINE)
_TEXTS = {".xml": _XML, ".mbox": _MBOX, ".eml": _MAIL, ".ipynb": _NOTEBOOK, ".json": _JSON}
_ARCHIVES = frozenset({".zip", ".tar", *_PACKERS.values()})
_TEXT_KINDS = frozenset({".txt", ".csv", ".html", *_TEXTS})
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def recognise(path: Path, *, is_known: bool) -> str | None:
    """The ending that a file ought to have, where its content says so beyond doubt; else None.

    is_known: whether there is a loader for the ending it has. Text with an unknown ending is text.

    Contradicted are endings of formats with a signature, when it is another's or none, and every ending
    by a file that has such a signature or is an HTML page. Texts that look alike are what their ending says:
    a program may begin as a page does, and notes may hold nothing but JSON.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    suffix = path.suffix.lower()
    signed = _by_signature(head, path, suffix)
    if signed is not None:
        return signed
    text = head.removeprefix(codecs.BOM_UTF8)
    is_open = not is_known or suffix in BINARY_SUFFIXES
    if (is_open or suffix in _MAY_BE_PAGES) and _HTML.match(text):
        return ".html"
    if not is_open:
        return None
    return _by_text(text, suffix)


def reason_against(path: Path) -> str:
    """Why a file with an unknown ending, or none, is no document; an empty text for one that may be read.

    Looks at no more than the first and last bytes and, of archives and OLE files, at what is in them. A file
    that cannot be opened may be one: who reads it says what is wrong. Archives with an ending of their own
    (`.jar`, `.whl`) are programs.
    """
    if reason := reason_without_text(path.name):
        return reason
    try:
        if not path.stat().st_size:
            return "it is empty"
        found = recognise(path, is_known=False)
        is_binary = found in _TEXT_KINDS and _ends_in_binary(path)
    except OSError:
        return ""
    if found is None or is_binary:
        return "not a document: it is neither of a known format nor plain text"
    if found in _ARCHIVES and path.suffix:
        return f"not a document: an archive that is called {path.suffix}"
    return ""


def _ends_in_binary(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(2)
        file.seek(max(0, path.stat().st_size - _HEAD_BYTES))
        return head not in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} and bool(_CONTROL.search(file.read()))


def _by_signature(head: bytes, path: Path, suffix: str) -> str | None:
    if head.lstrip().startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return ".pdf"
    if head.lstrip().startswith(b"{\\rtf"):
        return ".rtf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inside_zip(path) or (None if suffix in BINARY_SUFFIXES else ".zip")
    if head.startswith(_OLE):
        return _inside_ole(path)
    if head[_TAR_MARK] == b"ustar":
        return ".tar"
    return next((packer for mark, packer in _PACKERS.items() if head.startswith(mark)), None)


def _by_text(text: bytes, suffix: str) -> str | None:
    """For files without an ending, or with that of a binary format: what kind of text, if it is text."""
    has_mark = text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not text.strip() or (_CONTROL.search(text) and not has_mark):
        return None
    found = next((kind for kind, pattern in _TEXTS.items() if pattern.match(text)), None)
    if found == ".eml" and not _MAIL_TOO.search(text):
        found = None
    return found or (".csv" if suffix.startswith((".xl", ".ods", ".ots")) else ".txt")


def _inside_zip(path: Path) -> str | None:
    try:
        with SafeZip(path) as members:
            if "mimetype" in members and members.size("mimetype") < 100:
                found = _MIME_TYPES.get(members.read("mimetype").strip().removesuffix(b"-template"))
                if found is not None:
                    return found
            if "[Content_Types].xml" in members or "_rels/.rels" in members:
                return _first_folder(members.names)
    except UnreadableDocument:
        return None  # the loader says what is wrong with it
    return None


def _first_folder(names: Iterable[str]) -> str | None:
    return next(
        (suffix for name in names for folder, suffix in _OPC_FOLDERS.items() if name.startswith(folder)), None
    )


def _inside_ole(path: Path) -> str | None:
    import olefile  # noqa: PLC0415 - most files are none of these

    try:
        with olefile.OleFileIO(path) as storage:
            names = {entry[0] for entry in storage.listdir()}
    except Exception:  # noqa: BLE001 - a damaged directory may raise anything; the loader says what is wrong with it
        return None
    return next((suffix for name, suffix in _OLE_STREAMS.items() if name in names), None)
