"""Mails as RFC 5322 has them: what people see of the headers, the text, and what is attached."""

import re
from dataclasses import dataclass, field, replace
from email.errors import HeaderParseError, InvalidBase64LengthDefect
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import decode_text, normalize_newlines
from gpt4all_localdocs.loaders.html import read_markup
from gpt4all_localdocs.loaders.packed import Binder, PackedFiles, printable_name
from gpt4all_localdocs.types import Document, Heading

SUFFIXES: tuple[str, ...] = (".eml", ".mht", ".mhtml")
VERSION: int = 1

_HEADERS = ("Subject", "From", "To", "Cc", "Date")
_MAX_PARTS = 2_000
_MAX_NESTING = 30
_STUB_RATIO = 2
"""A plain text this much shorter than the page beside it says "your program cannot show this message"."""


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    content: bytes
    mime_type: str = ""


@dataclass(slots=True)
class Body:
    """One text of a message: plain, as a page, or the same as both."""

    text: str = ""
    markup: str = ""

    def document(self) -> Document:
        """The plain text, or the page where that is missing or a stub."""
        page = read_markup(self.markup) if self.markup.strip() else Document("")
        plain = normalize_newlines(self.text).replace("\0", "").strip()
        is_stub = len(plain) * _STUB_RATIO < len(page.text)
        return page if is_stub or not plain else Document(plain)


@dataclass(slots=True)
class Mail:
    """One message, of whatever format; `headers` in the order people read them."""

    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[Body] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def subject(self) -> str:
        return self.headers.get("Subject", "")

    def document(self) -> Document:
        """The headers and the texts, blank lines between them; without what is attached."""
        texts = ["\n".join(f"{name}: {value}" for name, value in self.headers.items() if value)]
        headings: list[Heading] = []
        notes = list(self.notes)
        for body in (body.document() for body in self.bodies):
            start = sum(len(text) + 2 for text in texts if text)
            headings += [replace(heading, start=heading.start + start) for heading in body.headings]
            notes += body.notes
            texts.append(body.text)
        text = "\n\n".join(text for text in texts if text)
        return Document(text, headings=tuple(headings), title=self.subject or None, notes=tuple(notes))


def load(path: Path, packed: PackedFiles) -> Document:
    """One message; its subject is the title. See `bind_mail` for what is attached."""
    return mail_document(parse_mail(path.read_bytes(), path), path, packed)


def mail_document(mail: Mail, path: Path, packed: PackedFiles) -> Document:
    """The document of a file that is one message; it has parts where files are attached."""
    if not mail.attachments:
        document = mail.document()
    else:
        binder = packed.bind()
        bind_mail(mail, binder, number=1)
        document = binder.document(title=mail.subject or None)
        if len(document.parts) == 1:  # of the attachments none has text: the message is all there is
            document = replace(document, parts=())
    if not document.text.strip():
        raise UnreadableDocument(path, "is no mail, or an empty one")
    return document


def bind_mail(mail: Mail, binder: Binder, *, number: int, under: str = "", heading: str = "") -> None:
    """Add a message and the files attached to it, each as a part.

    number: the message's own, in a mailbox; the files of a single message are counted by themselves.
    under: what the places of the attached files begin with. heading: one over the message.
    """
    binder.add(mail.document(), number=number, kind="message", label=mail.subject, heading=heading)
    for index, attachment in enumerate(mail.attachments, start=1):
        binder.add_file(
            attachment.name,
            attachment.content,
            number=number if under else index,
            mime_type=attachment.mime_type,
            under=under,
        )


def parse_mail(content: bytes, path: Path) -> Mail:
    """A message from its bytes; whatever is broken in it is read as far as it goes."""
    try:
        message = BytesParser().parsebytes(content)
    except (ValueError, LookupError, RecursionError) as error:
        raise UnreadableDocument(path, f"is a damaged mail ({error})") from error
    mail = Mail(headers={name: _header(message, name, path) for name in _HEADERS})
    _Collector(mail, path).visit(message, depth=0)
    return mail


class _Collector:
    """Sorts the parts of a message into text, markup and attachments."""

    def __init__(self, mail: Mail, path: Path) -> None:
        self._mail = mail
        self._path = path
        self._count = 0

    def visit(self, part: Message, *, depth: int, alternative: Body | None = None) -> None:
        """Take a part and all in it; `alternative` is the text that the parts around it are forms of."""
        self._count += 1
        if depth > _MAX_NESTING or self._count > _MAX_PARTS:
            if self._count == _MAX_PARTS + 1 or depth == _MAX_NESTING + 1:
                self._mail.notes.append("some of its parts were left out: there are too many, or too deep")
            return
        payload = part.get_payload()
        kind = part.get_content_type()
        forms = (
            [inner for inner in payload if isinstance(inner, Message)] if isinstance(payload, list) else []
        )
        if kind == "message/rfc822" and forms:
            inner = forms[0]
            name = _file_name(part, self._path) or f"{_header(inner, 'Subject', self._path) or 'message'}.eml"
            self._attach_message(name, inner)
        elif forms:
            if kind == "multipart/alternative" and alternative is None:
                alternative = Body()
                self._mail.bodies.append(alternative)
            for inner in forms:
                self.visit(inner, depth=depth + 1, alternative=alternative)
        else:
            self._add(part, kind, alternative)

    def _attach_message(self, name: str, message: Message) -> None:
        try:
            self._mail.attachments.append(Attachment(name, message.as_bytes(), "message/rfc822"))
        except (
            ValueError,
            LookupError,
            TypeError,
        ) as error:  # what was parsed cannot always be written again
            self._mail.notes.append(f"{printable_name(name)} was left out: is a damaged mail ({error})")

    def _add(self, part: Message, kind: str, alternative: Body | None) -> None:
        name = _file_name(part, self._path)
        decoded = part.get_payload(decode=True)
        content = decoded if isinstance(decoded, bytes) else b""
        is_attached = part.get_content_disposition() == "attachment" or bool(name)
        if kind in ("text/plain", "text/html") and not is_attached:
            body = alternative
            if body is None:
                body = Body()
                self._mail.bodies.append(body)
            text = _decoded(content, part, self._path)
            if kind == "text/plain":
                body.text = f"{body.text}\n\n{text}" if body.text else text
            else:
                body.markup += text
        elif kind == "text/css":
            self._mail.notes.append("a style sheet was left out")
        elif any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
            self._mail.notes.append(f"{printable_name(name or kind)} was left out: its encoding is damaged")
        elif content.strip():
            shown = name or f"{kind.replace('/', ' ')} without a name"
            self._mail.attachments.append(Attachment(shown, content, kind))


def _decoded(content: bytes, part: Message, path: Path) -> str:
    try:
        charset = part.get_content_charset()
        if charset and charset not in ("us-ascii", "unknown-8bit"):
            return content.decode(charset)
    except (LookupError, UnicodeDecodeError, ValueError):
        pass  # the label is wrong; the letters decide
    try:
        return decode_text(content, path=path) if content else ""
    except UnreadableDocument:
        return content.decode("utf-8", "replace").replace("\0", "")


def _file_name(part: Message, path: Path) -> str:
    try:
        name = part.get_filename()
    except (LookupError, ValueError, TypeError):
        return "attachment"
    if name and "\ufffd" in name:  # bytes that are not ASCII, which the standard forbids and programs write
        headers = " ".join(str(value) for _, value in part.raw_items())
        found = _RAW_FILE_NAME.search(headers)
        name = found[1] if found else name
    return _plain_header(name, path) if name else ""


def _header(message: Message, name: str, path: Path) -> str:
    """A header's text on one line; several of a name are joined."""
    values = [value for key, value in message.raw_items() if key.lower() == name.lower()]
    return ", ".join(_plain_header(str(value), path) for value in values)


_RAW_FILE_NAME = re.compile(r"name=\"?([^\";\r\n]+)")
_ENCODED_WORDS = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?]*\?=")


def _plain_header(value: str, path: Path) -> str:
    if _ENCODED_WORDS.search(value):
        try:
            pieces = decode_header(value)
            value = "".join(
                piece if isinstance(piece, str) else _decode_word(piece, charset, path)
                for piece, charset in pieces
            )
        except (ValueError, LookupError, HeaderParseError):
            pass  # broken encoded words are shown as they are
    elif not value.isascii():
        raw = value.encode("utf-8", "surrogateescape")
        try:
            value = decode_text(raw, path=path)
        except UnreadableDocument:
            value = raw.decode("utf-8", "replace")
    return " ".join(value.split())


def _decode_word(word: bytes, charset: str | None, path: Path) -> str:
    try:
        return word.decode(charset or "ascii")
    except (LookupError, UnicodeDecodeError):
        try:
            return decode_text(word, path=path)
        except UnreadableDocument:
            return word.decode("utf-8", "replace")
