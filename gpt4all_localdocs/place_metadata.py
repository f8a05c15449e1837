"""Where a passage stands in its file, by the names that people filter and read metadata by. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from gpt4all_localdocs.types import Hit

_KINDS: Final = ("slide", "sheet", "cell", "chapter", "message")


def place_metadata(hit: Hit) -> dict[str, str | int]:
    """The place of a passage of a file as metadata; `filter_sql` knows the same names and values.

    page: the page or slide, from 1; page_label: what the file calls it ("iv"), else that number as text.
    slide, cell, message: the number, from 1. sheet, chapter, attachment: the name, else the number as text;
    "attachment" is a file that is attached to another or packed into it. rows: "2-9", of a sheet.
    lines: "10-14", where there are lines and they are no rows. Names that have no meaning for the file's
    format are left out.
    """
    found: dict[str, str | int] = {}
    part = hit.part
    if hit.page is not None:
        found["page"] = hit.page
        found["page_label"] = part.label if part and part.kind == "page" and part.label else str(hit.page)
    if part is not None:
        name = part.label or str(part.number)
        match part.kind:
            case "slide" | "cell" | "message":
                found[part.kind] = part.number
            case "sheet" | "chapter":
                found[part.kind] = name
            case "file":
                found["attachment"] = name
            case "page":
                pass  # told by `page_label`
    if hit.lines is not None:
        first, last = hit.lines
        found["rows" if part and part.kind == "sheet" else "lines"] = f"{first}-{last}"
    return found


def describe_metadata(metadata: Mapping[str, Any]) -> str:
    """The place that `place_metadata` wrote down, in words: "page 4", "sheet Costs, rows 2-9".

    For a text that a program put it is what the text's own metadata say by these names.
    """
    places = [str(metadata["attachment"])] if "attachment" in metadata else []
    places += [f"{kind} {metadata[kind]}" for kind in _KINDS if kind in metadata]
    if "page_label" in metadata and "slide" not in metadata:
        places.append(f"page {metadata['page_label']}")
    for unit in ("row", "line"):
        if f"{unit}s" in metadata:
            first, _, last = str(metadata[f"{unit}s"]).partition("-")
            places.append(f"{unit} {first}" if last in ("", first) else f"{unit}s {first}-{last}")
    return ", ".join(places)
