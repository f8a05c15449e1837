"""Mailboxes in the mbox format (RFC 4155): message after message, each begun by a line `From …`."""

import re
from collections.abc import Iterator
from pathlib import Path

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.mail import Mail, bind_mail, parse_mail
from gpt4all_localdocs.loaders.packed import MAX_CHARACTERS, PackedFiles
from gpt4all_localdocs.types import Document

SUFFIXES: tuple[str, ...] = (".mbox", ".mbx")
VERSION: int = 1

_BORDER = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\r\n]*\d[^\r\n]*\r?\n(?=[\w-]+:|>From )")
_QUOTED_BORDER = re.compile(rb"^>(>*From )", re.MULTILINE)


def load(path: Path, packed: PackedFiles) -> Document:
    """Every message is a part, with its subject as label and as heading; files attached to it follow it.

    Raises UnreadableDocument for what holds no message.
    """
    binder = packed.bind()
    count = 0
    for count, mail in enumerate(_messages(path), start=1):
        if binder.is_full:
            binder.note(
                f"messages from {count:,} on were left out: the text is longer than {MAX_CHARACTERS:,}"
            )
            break
        bind_mail(mail, binder, number=count, under=f"message {count}", heading=mail.subject)
    document = binder.document()
    if not document.text.strip():
        raise UnreadableDocument(path, "holds no message" if not count else "holds no text")
    return document


def _messages(path: Path) -> Iterator[Mail]:
    content = path.read_bytes()
    borders = list(_BORDER.finditer(content))
    ends = [*(border.start() for border in borders[1:]), len(content)]
    for border, end in zip(borders, ends, strict=False):  # of no message there is still an end
        yield parse_mail(_QUOTED_BORDER.sub(rb"\1", content[border.end() : end]), path)
