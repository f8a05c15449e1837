"""Small OpenDocument files that the loader tests make themselves."""

from pathlib import Path

from office_files import write_zip

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"'
    for prefix in ("office", "text", "table", "draw", "presentation", "style", "chart", "svg-compatible")
).replace("xmlns:svg-compatible=", "xmlns:svg=")


def root(name: str, inside: str) -> str:
    return (
        f'<office:{name} {_NAMESPACES} xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/">{inside}</office:{name}>'
    )


def write_opendocument(
    folder: Path,
    kind: str,
    body: str,
    *,
    styles: str = "",
    parts: dict[str, str | bytes] | None = None,
) -> Path:
    """A file of this kind (`text`, `presentation`, `spreadsheet`) with automatic styles and further parts."""
    content = (
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    )
    files = {"content.xml": root("document-content", content), **(parts or {})}
    return write_zip(folder / f"file.od{kind[0]}", files)


def table(*rows: list[str], name: str = "", attributes: str = "") -> str:
    """A table of cells; a cell that begins with `<` is markup."""
    inside = "".join(
        "<table:table-row>"
        + "".join(
            text if text.startswith("<") else f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"
            for text in row
        )
        + "</table:table-row>"
        for row in rows
    )
    return f'<table:table table:name="{name}" {attributes}>{inside}</table:table>'
