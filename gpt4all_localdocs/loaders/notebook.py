"""Jupyter notebooks: what people wrote and what came out, cell by cell.

Format: nbformat 4 and 3, https://nbformat.readthedocs.io/en/latest/format_description.html
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.decode import normalize_newlines, read_text
from gpt4all_localdocs.loaders.html import read_markup
from gpt4all_localdocs.loaders.markdown import find_headings
from gpt4all_localdocs.types import Document, Heading, Part

SUFFIXES: tuple[str, ...] = (".ipynb",)
VERSION: int = 1

MAX_OUTPUT_CHARACTERS = 10_000
"""Of one cell: more is a log or a dump of data, and would outweigh what people wrote."""

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TEXTS = ("text/markdown", "text/plain", "text/html", "text/latex", "application/json")
"""Kinds of one output that are text, the first that is there is taken."""


def load(path: Path) -> Document:
    """Each cell is a part: its source as it stands, then what it printed, bounded, under a line `Output:`.

    Headings are those of Markdown cells; the title is the notebook's own, else the first heading of level 1.
    Notes name the cells whose output is a picture or was cut. Raises UnreadableDocument for what is no
    notebook, or holds nothing.
    """
    notebook = _parse(path)
    texts: list[str] = []
    parts: list[Part] = []
    headings: list[Heading] = []
    notes: list[str] = []
    start = 0
    for number, cell in enumerate(_cells(notebook), start=1):
        source = _joined(cell.get("source", cell.get("input"))).strip("\n")
        output, note = _output(cell)
        text = "\n\n".join(piece for piece in (source, f"Output:\n{output}" if output else "") if piece)
        if note:
            notes.append(f"cell {number}: {note}")
        if not text.strip():
            continue
        if cell.get("cell_type") in ("markdown", "heading"):
            headings += [
                Heading(found.level, found.title, found.start + start) for found in find_headings(source)
            ]
        texts.append(text)
        parts.append(Part(number, start, start + len(text), "cell"))
        start += len(text) + 2
    if not texts:
        raise UnreadableDocument(path, "holds no text")
    own = notebook.get("metadata")
    title = own.get("title") if isinstance(own, dict) else None
    first = next((heading.title for heading in headings if heading.level == 1), None)
    return Document(
        "\n\n".join(texts),
        parts=tuple(parts),
        headings=tuple(headings),
        title=title if isinstance(title, str) and title.strip() else first,
        notes=tuple(notes),
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(read_text(path))
    except ValueError as error:
        raise UnreadableDocument(path, f"is no notebook, or is damaged ({error})") from error
    if not isinstance(notebook, dict) or not {"cells", "worksheets"} & notebook.keys():
        raise UnreadableDocument(path, "is no notebook: it has no cells")
    return notebook


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells of all worksheets, of which there could once be several."""
    sheets = [notebook, *_dictionaries(notebook.get("worksheets"))]
    return (cell for sheet in sheets for cell in _dictionaries(sheet.get("cells")))


def _dictionaries(values: object) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _joined(text: object) -> str:
    """A text that is a string or a list of lines."""
    if isinstance(text, list):
        text = "".join(line for line in text if isinstance(line, str))
    return normalize_newlines(text).replace("\0", "") if isinstance(text, str) else ""


def _output(cell: dict[str, Any]) -> tuple[str, str]:
    """What a cell printed and showed, and a note of what of it is no text or too long."""
    texts: list[str] = []
    pictures: set[str] = set()
    for output in _dictionaries(cell.get("outputs")):
        if output.get("output_type") in ("pyout", "display_data", "execute_result"):
            shown = output.get("data") if isinstance(output.get("data"), dict) else output
            text, kinds = _shown(shown or {})
            pictures |= kinds
        elif output.get("output_type") in ("error", "pyerr"):
            text = f"{_joined(output.get('ename'))}: {_joined(output.get('evalue'))}"
        else:
            text = _joined(output.get("text"))
        texts.append(_COLOURS.sub("", text).strip("\n"))
    joined = "\n".join(text for text in texts if text.strip())
    notes = [f"{', '.join(sorted(pictures))} was left out: pictures have no text"] if pictures else []
    if len(joined) > MAX_OUTPUT_CHARACTERS:
        notes.append(f"its output was cut after {MAX_OUTPUT_CHARACTERS:,} of {len(joined):,} characters")
    return joined[:MAX_OUTPUT_CHARACTERS], "; ".join(notes)


def _shown(shown: dict[str, Any]) -> tuple[str, set[str]]:
    """The text among the forms of one output, and the kinds of its pictures."""
    pictures = {kind for kind in shown if kind.startswith("image/")} | ({"png", "jpeg", "svg"} & shown.keys())
    for kind in _TEXTS:
        value = shown.get(kind, shown.get("text") if kind == "text/plain" else None)
        if kind == "application/json" and value is not None:
            return json.dumps(value, ensure_ascii=False), pictures
        if text := _joined(value):
            return (read_markup(text).text if kind == "text/html" else text), pictures
    return "", pictures
