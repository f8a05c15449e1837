"""Make the PDF and the DOCX files of the example documents from their Markdown sources.

    python tools/make_example_documents.py [--output FOLDER]

reads `examples/sources/*.md` and writes the documents named in `DOCUMENTS`, by default into
`examples/documents`. The same sources and the same versions of the libraries give the same
bytes: dates, ids and the order of the zip entries are fixed.

The sources use a small part of Markdown: `#` to `###` headings, one `>` line under the title,
paragraphs of one line, tables, and footnotes (`text[^1]`, `[^1]: note`). Anything else is
taken as a paragraph.

Needs `pip install reportlab==5.1.0 python-docx==1.2.0`, which the project itself does not need.
"""

import argparse
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import docx
from docx.document import Document as WordDocument
from docx.enum.style import WD_STYLE_TYPE
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor
from docx.table import Table as WordTable
from docx.text.paragraph import Paragraph as WordParagraph
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Table, TableStyle

EXAMPLES = Path(__file__).parent.parent / "examples"
COMPANY = "Marrowfen Instruments"
DOCUMENTS = {
    "staff-handbook.md": "staff-handbook.pdf",
    "heron-gateway-installation-manual.md": "heron-gateway-installation-manual.docx",
    "information-security-policy.md": "information-security-policy.docx",
}
PUBLISHED = datetime(2025, 2, 1, 9, 0, tzinfo=UTC)
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can carry
INK = "1D2A30"
BLUE = "14536B"
PALE = "E3EEF2"
LINE = "B9CED6"
PDF_MARGIN = 28 * mm
DOCX_TEXT_WIDTH = Cm(15.8)
WIDE_CELL = 30  # characters; a column with a longer cell gets a larger share of the table's width
FOOTNOTES_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"

_FOOTNOTE_MARK = re.compile(r"\[\^(\d+)\]")
_FOOTNOTE_TEXT = re.compile(r"\[\^(\d+)\]: (.*)")
_HEADING = re.compile(r"(#{1,3}) (.*)")


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A title, preface, heading or paragraph; `kind` is `title`, `preface`, `h1`, `h2` or `body`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A table; the first row is its head."""

    rows: tuple[tuple[str, ...], ...]

    @property
    def shares(self) -> tuple[float, ...]:
        """Each column's part of the width; columns with long cells count double."""
        weights = [
            2.0 if max(map(len, column)) > WIDE_CELL else 1.0 for column in zip(*self.rows, strict=True)
        ]
        return tuple(weight / sum(weights) for weight in weights)


Block = TextBlock | TableBlock


@dataclass(frozen=True, slots=True)
class Source:
    """A document's blocks in reading order, and the footnotes by number."""

    blocks: tuple[Block, ...]
    footnotes: dict[int, str]

    @property
    def title(self) -> str:
        return next(
            block.text for block in self.blocks if isinstance(block, TextBlock) and block.kind == "title"
        )


def parse_source(markdown: str) -> Source:
    """The blocks of a source file; a footnote may stand anywhere."""
    blocks: list[Block] = []
    footnotes: dict[int, str] = {}
    rows: list[tuple[str, ...]] = []
    for line in [*markdown.splitlines(), ""]:
        if line.startswith("|"):
            cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
            if not all(set(cell) <= set("-:") for cell in cells):
                rows.append(cells)
            continue
        if rows:
            blocks.append(TableBlock(tuple(rows)))
            rows = []
        if note := _FOOTNOTE_TEXT.fullmatch(line):
            footnotes[int(note[1])] = note[2]
        elif line.strip():
            blocks.append(_text_block(line))
    return Source(tuple(blocks), footnotes)


def _text_block(line: str) -> TextBlock:
    if heading := _HEADING.fullmatch(line):
        return TextBlock(("title", "h1", "h2")[len(heading[1]) - 1], heading[2])
    if line.startswith("> "):
        return TextBlock("preface", line[2:])
    return TextBlock("body", line)


class _Handbook(SimpleDocTemplate):
    """A4 pages with a footer, which follows the page's text in reading order; headings become bookmarks."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 - the name reportlab calls
        level = {"h1": 0, "h2": 1}.get(getattr(getattr(flowable, "style", None), "name", ""))
        if level is not None:
            title = flowable.getPlainText()
            self.canv.bookmarkPage(title)
            self.canv.addOutlineEntry(title, title, level=level, closed=level == 0)

    def afterPage(self) -> None:  # noqa: N802 - the name reportlab calls
        right = A4[0] - PDF_MARGIN
        self.canv.saveState()
        self.canv.setStrokeColor(HexColor(f"#{LINE}"))
        self.canv.line(PDF_MARGIN, 18 * mm, right, 18 * mm)
        self.canv.setFont("Helvetica", 8)
        self.canv.setFillColor(HexColor(f"#{INK}"))
        self.canv.drawString(PDF_MARGIN, 13.5 * mm, self.title)
        self.canv.drawRightString(right, 13.5 * mm, f"Page {self.page}")
        self.canv.restoreState()


def write_pdf(source: Source, path: Path) -> None:
    """Write a PDF with a text layer in the standard fonts, which every viewer has."""
    if source.footnotes:
        raise ValueError(f"{path.name}: footnotes are written to DOCX only; move the note into the text")
    rl_config.useA85 = 0  # binary streams: smaller, and git leaves their line ends alone
    frame_padding = 6  # points that reportlab keeps free inside a page's frame
    document = _Handbook(
        str(path),
        pagesize=A4,
        leftMargin=PDF_MARGIN - frame_padding,
        rightMargin=PDF_MARGIN - frame_padding,
        topMargin=24 * mm,
        bottomMargin=26 * mm,
        title=f"{COMPANY}: {source.title}",
        author=COMPANY,
        lang="en",
        invariant=1,
    )
    document.build(list(_flowables(source, A4[0] - 2 * PDF_MARGIN)))


def _flowables(source: Source, width: float) -> Iterator[Flowable]:
    """The story; a table stays on one page with the paragraph that introduces it."""
    styles = _pdf_styles()
    for block, following in zip(source.blocks, [*source.blocks[1:], None], strict=True):
        if isinstance(block, TableBlock):
            yield _pdf_table(block, styles, width)
        elif block.kind == "body" and isinstance(following, TableBlock):
            yield Paragraph(escape(block.text), styles["lead"])
        else:
            yield Paragraph(escape(block.text), styles[block.kind])


def _pdf_styles() -> dict[str, ParagraphStyle]:
    ink, blue = HexColor(f"#{INK}"), HexColor(f"#{BLUE}")
    body = ParagraphStyle(
        "body",
        fontName="Times-Roman",
        fontSize=11.5,
        leading=16.5,
        spaceAfter=8,
        textColor=ink,
        allowWidows=0,
        allowOrphans=0,
    )
    heading = ParagraphStyle(
        "heading", parent=body, fontName="Helvetica-Bold", textColor=blue, keepWithNext=1
    )
    styles = (
        body,
        ParagraphStyle("lead", parent=body, keepWithNext=1),
        ParagraphStyle("title", parent=heading, fontSize=26, leading=32, spaceAfter=4),
        ParagraphStyle("preface", parent=body, fontName="Times-Italic", spaceAfter=14),
        ParagraphStyle("h1", parent=heading, fontSize=15.5, leading=20, spaceBefore=16, spaceAfter=6),
        ParagraphStyle("h2", parent=heading, fontSize=11.5, leading=15, spaceBefore=9, spaceAfter=3),
        ParagraphStyle("cell", parent=body, fontSize=10, leading=13, spaceAfter=0),
        ParagraphStyle("head", parent=heading, fontSize=9.5, leading=13, spaceAfter=0, keepWithNext=0),
    )
    return {style.name: style for style in styles}


def _pdf_table(block: TableBlock, styles: dict[str, ParagraphStyle], width: float) -> Table:
    cells = [
        [Paragraph(escape(cell), styles["cell" if number else "head"]) for cell in row]
        for number, row in enumerate(block.rows)
    ]
    looks = [
        ("GRID", (0, 0), (-1, -1), 0.5, HexColor(f"#{LINE}")),
        ("BACKGROUND", (0, 0), (-1, 0), HexColor(f"#{PALE}")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
    return Table(
        cells,
        colWidths=[share * width for share in block.shares],
        style=TableStyle(looks),
        spaceBefore=3,
        spaceAfter=11,
        repeatRows=1,
    )


def write_docx(source: Source, path: Path) -> None:
    """Write a DOCX with heading styles, tables, footnotes and page numbers in the footer."""
    document = docx.Document()
    _set_up_document(document, source.title)
    style_names = {
        "title": "Title",
        "preface": "Subtitle",
        "h1": "Heading 1",
        "h2": "Heading 2",
        "body": "Normal",
    }
    for block in source.blocks:
        if isinstance(block, TableBlock):
            _add_table(document, block)
        else:
            _add_text(document.add_paragraph(style=style_names[block.kind]), block.text)
    if source.footnotes:
        _add_footnotes(document, source.footnotes)
    _add_footer(document, source.title)
    packed = io.BytesIO()
    document.save(packed)
    _write_stable_zip(packed, path)


def _set_up_document(document: WordDocument, title: str) -> None:
    properties = document.core_properties
    properties.title, properties.author, properties.last_modified_by = title, COMPANY, COMPANY
    properties.comments, properties.language, properties.revision = "", "en", 1
    properties.created = properties.modified = PUBLISHED.replace(tzinfo=None)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)  # A4
    section.left_margin = section.right_margin = Cm((21 - DOCX_TEXT_WIDTH.cm) / 2)
    section.top_margin = section.bottom_margin = Cm(2.4)
    looks = {"Normal": ("Georgia", 10.5), "Title": ("Verdana", 22), "Subtitle": ("Georgia", 10.5)}
    looks |= {"Heading 1": ("Verdana", 14), "Heading 2": ("Verdana", 11)}
    for name, (font, size) in looks.items():
        style = document.styles[name]
        style.font.name, style.font.size = font, Pt(size)
        style.font.color.rgb = RGBColor.from_string(BLUE if name.startswith(("Heading", "Title")) else INK)
        fonts = style.element.rPr.rFonts
        for attribute in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{attribute}"), None)  # a theme's font would win over the named one
    document.styles["Normal"].paragraph_format.space_after = Pt(7)
    note = document.styles.add_style("Footnote Text", WD_STYLE_TYPE.PARAGRAPH)
    note.base_style, note.font.size = document.styles["Normal"], Pt(9)
    document.styles.add_style("Footnote Reference", WD_STYLE_TYPE.CHARACTER).font.superscript = True


def _add_text(paragraph: WordParagraph, text: str) -> None:
    """Add runs of text, with a reference wherever a footnote's mark stands."""
    for position, part in enumerate(_FOOTNOTE_MARK.split(text)):
        if position % 2:  # split() returns the marks' numbers between the texts
            reference = OxmlElement("w:footnoteReference", {qn("w:id"): part})
            paragraph.add_run(style="Footnote Reference")._r.append(reference)  # noqa: SLF001 - no public way
        elif part:
            paragraph.add_run(part)


def _add_table(document: WordDocument, block: TableBlock) -> None:
    table: WordTable = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
    table.autofit = False
    for number, row in enumerate(block.rows):
        for cell, text, share in zip(table.add_row().cells, row, block.shares, strict=True):
            cell.width = int(DOCX_TEXT_WIDTH * share)
            run = cell.paragraphs[0].add_run(text)
            run.font.size, run.bold = Pt(9.5), number == 0
            cell.paragraphs[0].paragraph_format.space_after = Pt(2)
            if number == 0:
                shade = OxmlElement("w:shd", {qn("w:val"): "clear", qn("w:fill"): PALE})
                cell._tc.get_or_add_tcPr().append(shade)  # noqa: SLF001 - no public way
    for column, share in zip(table.columns, block.shares, strict=True):
        column.width = int(DOCX_TEXT_WIDTH * share)
    head = table.rows[0]._tr.get_or_add_trPr()  # noqa: SLF001 - no public way
    head.append(OxmlElement("w:tblHeader"))
    document.add_paragraph().paragraph_format.space_after = Pt(0)


def _add_footnotes(document: WordDocument, footnotes: dict[int, str]) -> None:
    """Add the part that holds the notes; ids -1 and 0 are the separators that Word expects."""
    separators = "".join(
        f'<w:footnote w:type="{kind}" w:id="{number}"><w:p><w:r><w:{kind}/></w:r></w:p></w:footnote>'
        for kind, number in (("separator", -1), ("continuationSeparator", 0))
    )
    notes = "".join(
        f'<w:footnote w:id="{number}"><w:p><w:pPr><w:pStyle w:val="FootnoteText"/></w:pPr>'
        '<w:r><w:rPr><w:rStyle w:val="FootnoteReference"/></w:rPr><w:footnoteRef/></w:r>'
        f'<w:r><w:t xml:space="preserve"> {escape(text)}</w:t></w:r></w:p></w:footnote>'
        for number, text in sorted(footnotes.items())
    )
    markup = f"<w:footnotes {nsdecls('w')}>{separators}{notes}</w:footnotes>"
    content = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + markup.encode()
    part = Part(PackURI("/word/footnotes.xml"), FOOTNOTES_CONTENT_TYPE, content, document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)


def _add_footer(document: WordDocument, title: str) -> None:
    paragraph = document.sections[0].footer.paragraphs[0]
    paragraph.add_run(f"{COMPANY}, {title}\t\tPage ")
    field = f'<w:fldSimple {nsdecls("w")} w:instr="PAGE"><w:r><w:t>1</w:t></w:r></w:fldSimple>'
    paragraph._p.append(parse_xml(field))  # noqa: SLF001 - no public way


def _write_stable_zip(packed: io.BytesIO, path: Path) -> None:
    """Pack the entries again with a fixed time, since the library stamps them with the present."""
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Make the PDF and DOCX example documents from their sources."
    )
    parser.add_argument("--output", type=Path, default=EXAMPLES / "documents", help="folder to write to")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for source_name, name in DOCUMENTS.items():
        source = parse_source((EXAMPLES / "sources" / source_name).read_text(encoding="utf-8"))
        write = write_pdf if name.endswith(".pdf") else write_docx
        write(source, folder / name)
        print(f"{folder / name}: {(folder / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
