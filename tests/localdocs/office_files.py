"""Small presentations and workbooks that the loader tests make themselves."""

import zipfile
from pathlib import Path

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_NAMESPACES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
    ' xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    f' xmlns:r="{_OFFICE}"'
)
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def write_zip(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def relationships(entries: dict[str, tuple[str, str]]) -> str:
    """A part's relationships: kind and target by id."""
    inside = "".join(
        f'<Relationship Id="{identifier}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for identifier, (kind, target) in entries.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{inside}</Relationships>'


def body(*lines: str) -> str:
    """A text body of paragraphs; a `|` in a line is a line break inside the paragraph."""
    runs = ("<a:br/>".join(f"<a:r><a:t>{run}</a:t></a:r>" for run in line.split("|")) for line in lines)
    return "<p:txBody>" + "".join(f"<a:p>{run}</a:p>" for run in runs) + "</p:txBody>"


def shape(*lines: str, placeholder: str = "") -> str:
    kind = f'<p:ph type="{placeholder}"/>' if placeholder else ""
    return f"<p:sp><p:nvSpPr><p:nvPr>{kind}</p:nvPr></p:nvSpPr>{body(*lines)}</p:sp>"


def graphic(content: str) -> str:
    return f"<p:graphicFrame><a:graphic><a:graphicData>{content}</a:graphicData></a:graphic></p:graphicFrame>"


def slide(*shapes: str, attributes: str = "") -> str:
    inside = "".join(shapes)
    return f"<p:sld {_NAMESPACES} {attributes}><p:cSld><p:spTree>{inside}</p:spTree></p:cSld></p:sld>"


def part(root: str, inside: str) -> str:
    """Another part of a presentation, such as a chart."""
    return f"<{root} {_NAMESPACES}>{inside}</{root}>"


def write_pptx(
    folder: Path,
    slides: list[str],
    *,
    related: dict[str, tuple[str, str]] | None = None,
    name: str = "file.pptx",
) -> Path:
    """A presentation; `related` are kind and content of what the first slide refers to, by id."""
    related = related or {}
    files = {
        "_rels/.rels": relationships({"r1": ("officeDocument", "ppt/presentation.xml")}),
        "ppt/presentation.xml": part(
            "p:presentation",
            "<p:sldIdLst>"
            + "".join(f'<p:sldId id="{256 + n}" r:id="s{n}"/>' for n in range(len(slides)))
            + "</p:sldIdLst>",
        ),
        # The listing's order counts, not that of the names or of the relationships.
        "ppt/_rels/presentation.xml.rels": relationships(
            {f"s{n}": ("slide", f"slides/slide{9 - n}.xml") for n in reversed(range(len(slides)))}
        ),
        "ppt/slides/_rels/slide9.xml.rels": relationships(
            {identifier: (kind, f"../{identifier}.xml") for identifier, (kind, _) in related.items()}
        ),
        **{f"ppt/slides/slide{9 - n}.xml": content for n, content in enumerate(slides)},
        **{f"ppt/{identifier}.xml": content for identifier, (_, content) in related.items()},
    }
    return write_zip(folder / name, files)


def cell(address: str, value: str | float, *, style: int = 0) -> str:
    if isinstance(value, bool):
        return f'<c r="{address}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, str):
        return f'<c r="{address}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{address}" s="{style}"><v>{value}</v></c>'


def sheet(rows: dict[int, str], *, merged: tuple[str, ...] = ()) -> str:
    """A worksheet's XML: the cells of rows by their number, and merged ranges such as `A1:A3`."""
    inside = "".join(f'<row r="{number}">{cells}</row>' for number, cells in rows.items())
    ranges = "".join(f'<mergeCell ref="{reference}"/>' for reference in merged)
    return (
        f'<worksheet xmlns="{_SHEET}"><sheetData>{inside}</sheetData>'
        f"<mergeCells>{ranges}</mergeCells></worksheet>"
    )


def write_xlsx(
    folder: Path,
    sheets: dict[str, str],
    *,
    hidden: tuple[str, ...] = (),
    more: dict[str, str | bytes] | None = None,
    name: str = "file.xlsx",
) -> Path:
    """A workbook; number formats by style: 0 general, 1 date, 2 date and time, 3 time, 4 percent, 5 euros."""
    entries = "".join(
        f'<sheet name="{title}" sheetId="{n}" r:id="s{n}" state="{state}"/>'
        for n, title in enumerate(sheets)
        for state in ["hidden" if title in hidden else "visible"]
    )
    workbook = f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{entries}</sheets></workbook>'
    formats = "".join(f'<xf numFmtId="{number}"/>' for number in (0, 14, 22, 21, 9, 164))
    euros = '<numFmts><numFmt numFmtId="164" formatCode="[$€-407]\\ #,##0.00"/></numFmts>'
    files: dict[str, str | bytes] = {
        "_rels/.rels": relationships({"r1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": workbook,
        "xl/_rels/workbook.xml.rels": relationships(
            {f"s{n}": ("worksheet", f"worksheets/sheet{n}.xml") for n in range(len(sheets))}
            | {"styles": ("styles", "styles.xml")}
        ),
        "xl/styles.xml": f'<styleSheet xmlns="{_SHEET}">{euros}<cellXfs>{formats}</cellXfs></styleSheet>',
        **{f"xl/worksheets/sheet{n}.xml": content for n, content in enumerate(sheets.values())},
        **(more or {}),
    }
    return write_zip(folder / name, files)
