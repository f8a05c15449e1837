"""One small file of each format that has most of what the format can hold, to be damaged."""

from collections.abc import Callable
from pathlib import Path

from loader_files import paragraph, table, write, write_docx, write_pdf
from office_files import body, cell, graphic, part, shape, sheet, slide, write_pptx, write_xlsx, write_zip
from opendocument_files import root, write_opendocument
from opendocument_files import table as rows_of

_NOTE = (
    '<text:note text:note-class="footnote"><text:note-body><text:p>see the law</text:p>'
    "</text:note-body></text:note>"
)
_BOX = "<draw:frame><draw:text-box><text:p>in the box</text:p></draw:text-box></draw:frame>"
_CHART = (
    '<c:ser><c:tx><c:v>2024</c:v></c:tx><c:cat><c:pt idx="0"><c:v>North</c:v></c:pt></c:cat>'
    '<c:val><c:pt idx="0"><c:v>5</c:v></c:pt></c:val></c:ser>'
)
_TABLE = "<a:tbl><a:tr>" + f"<a:tc>{body('a')}</a:tc>".replace("p:txBody", "a:txBody") * 2 + "</a:tr></a:tbl>"
_RTF = (
    r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset128 B;}}"
    r"{\stylesheet{Normal;}{\s1 heading 1;}}"
    r"{\info{\title T}}{\header ACME\par}\pard\s1 Leave\par\pard\ls1{\listtext 1.\tab}caf\'e9 "
    r"\u-10179?\u-8704?{\footnote see the law}\par\pard\trowd\intbl a\cell b\cell\row"
    r"\pard{\f1\'93\'fa}\bin4 \}}{ end\par}"
)


def _docx(folder: Path) -> Path:
    text = paragraph("Leave", style="h1") + paragraph("25 days", properties="<w:numPr/>") + table(["a", "b"])
    parts = {
        "styles": '<w:style w:styleId="h1"><w:name w:val="heading 1"/></w:style>',
        "footnotes": f"<w:footnote>{paragraph('see the law')}</w:footnote>",
    }
    return write_docx(folder, text, parts=parts)


def _pptx(folder: Path) -> Path:
    related = {"chart": ("chart", part("c:chartSpace", _CHART)), "notes": ("notesSlide", slide(shape("x")))}
    first = slide(shape("Leave", placeholder="title"), graphic(_TABLE), graphic('<c:chart r:id="chart"/>'))
    return write_pptx(folder, [first, slide(shape("b"))], related=related)


def _xlsx(folder: Path) -> Path:
    rows = {1: cell("A1", "Kind") + cell("B1", 45413, style=1), 3: cell("A3", "x") + cell("C3", 0.5)}
    return write_xlsx(folder, {"a": sheet(rows, merged=("A1:A3",)), "b": sheet(rows)}, hidden=("b",))


def _odt(folder: Path) -> Path:
    text = (
        f'<text:h text:outline-level="1">Leave</text:h><text:p>25{_NOTE}<text:s text:c="2"/>days{_BOX}'
        "</text:p>"
        f"<text:list><text:list-item><text:p>pen</text:p></text:list-item></text:list>{rows_of(['a', 'b'])}"
    )
    return write_opendocument(folder, "text", text, parts={"styles.xml": root("document-styles", "")})


def _odp(folder: Path) -> Path:
    title = _BOX.replace("<draw:frame>", '<draw:frame presentation:class="title">')
    page = f"<draw:page>{title}{_BOX}<presentation:notes>{_BOX}</presentation:notes></draw:page>"
    return write_opendocument(folder, "presentation", page * 2)


def _ods(folder: Path) -> Path:
    spanned = '<table:table-cell table:number-rows-spanned="2"><text:p>North</text:p></table:table-cell>'
    repeated = '<table:table-cell table:number-columns-repeated="3" office:value="0.5"/>'
    return write_opendocument(
        folder,
        "spreadsheet",
        rows_of([spanned, "a"], ["<table:covered-table-cell/>", repeated], name="x") * 2,
    )


def _epub(folder: Path) -> Path:
    package = (
        '<package><metadata/><manifest><item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/></manifest>'
        '<spine><itemref idref="one"/></spine></package>'
    )
    files = {
        "META-INF/container.xml": '<container><rootfile full-path="book.opf"/></container>',
        "book.opf": package,
        "one.xhtml": "<html><body><h1>Leave</h1><p>25 days</p></body></html>",
        "nav.xhtml": '<html><body><nav><a href="one.xhtml">Leave</a></nav></body></html>',
    }
    return write_zip(folder / "seed.epub", files)


SEEDS: dict[str, Callable[[Path], Path]] = {
    ".csv": lambda folder: write(folder, "seed.csv", 'a;b\n"x\ny";2,5\n"é ""q""";\n'),
    ".docx": _docx,
    ".epub": _epub,
    ".odp": _odp,
    ".ods": _ods,
    ".odt": _odt,
    ".pdf": lambda folder: write_pdf(folder, ["Leave", "", "25 days"], title="T", name="seed.pdf"),
    ".pptx": _pptx,
    ".rtf": lambda folder: write(folder, "seed.rtf", _RTF),
    ".xlsx": _xlsx,
}
