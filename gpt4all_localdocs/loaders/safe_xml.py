"""XML from anywhere: no entity is expanded, nothing is fetched, and depth and size are bounded.

lxml ships no types: an element is Any, and nothing but this module and the walkers looks inside.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpt4all_core.errors import UnreadableDocument

Element = Any


def parse_xml(content: bytes, *, path: Path, name: str) -> Element:
    """The root element; comments and processing instructions are gone. `name` is the member's, for messages.

    The parser refuses elements nested deeper than 256 and texts longer than ten million characters.
    Raises UnreadableDocument where the content is not well-formed.
    """
    from lxml import etree  # noqa: PLC0415 - loaded when needed only

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        # lxml raises ValueError for encodings that it cannot look up by a broken name
        reason = getattr(error, "msg", None) or str(error)
        raise UnreadableDocument(path, f"is damaged: {name} is not well-formed XML ({reason})") from error


def local_name(element: Element) -> str:
    """An element's name without its namespace; empty for an entity that was not expanded."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """An attribute by its name without a namespace; empty where it is not there."""
    value = element.get(name)
    if value is None:
        value = next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
    return str(value)


def child(element: Element, *names: str) -> Element | None:
    """The element at the end of a path of child names, if it is there."""
    for name in names:
        element = next((inner for inner in element if local_name(inner) == name), None)
        if element is None:
            return None
    return element


def descendants(element: Element, name: str) -> Iterator[Element]:
    """All elements of this name below, in document order."""
    return (inner for inner in element.iter("{*}" + name) if inner is not element)
