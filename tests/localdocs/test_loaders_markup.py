import zipfile
from pathlib import Path

import pytest
from loader_files import paragraph, table, write, write_docx, write_pdf

from gpt4all_core.errors import UnreadableDocument
from gpt4all_core.testing import HashEmbedder
from gpt4all_localdocs.chunk import ChunkOptions, chunk_document
from gpt4all_localdocs.cite import cite_quote
from gpt4all_localdocs.loaders import docx, html, pdf, safe_zip
from gpt4all_localdocs.loaders.pdf_words import join_broken_words
from gpt4all_localdocs.types import Document, Heading, Hit, Part


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One\n  two</p><p>three</p>", "One two\n\nthree"),
        ("a<b>b</b> <i>c</i>d", "ab cd"),
        ("<div>a</div><div>b<br>c</div>", "a\nb\nc"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>d", "a\nb\nc\n\nd"),
        ("<p>a<script>x</script><style>y</style><template>z</template></p>", "a"),
        (
            "<pre>def f():\n    return 1\n\n\n<b>x</b> = 2\n</pre>after",
            "def f():\n    return 1\n\n\nx = 2\n\nafter",
        ),
        ("<table><tr><th>Region<th>Sum<tr><td>North<br>east<td>5</table>", "Region | Sum\nNorth east | 5"),
        ("<table><tr><td><p>a</p><p>b</p></td></tr></table>", "a\n\nb"),
        (
            "<table><tr><td><h2>Menu</h2></td><td><table><tr><td>a<td>b</table></td></tr></table>",
            "Menu\n\na | b",
        ),
        ("<p>Sch&ouml;n &lt;&amp;&gt;&nbsp;x</p>", "Schön <&> x"),
        ("<!-- no --><p>yes", "yes"),
        ('<p>see <img src="x.png" alt="the floor plan"> and <img src="y.png">', "see the floor plan and"),
        ("<nav><a>Home</a></nav><p>text</p>", "text"),
        ("<nav><a>Home</a></nav>", "Home"),
    ],
)
def test_html_keeps_the_visible_text_and_its_blocks(tmp_path, source, text):
    assert html.load(write(tmp_path, "a.html", f"<title>T</title>{source}")).text == text


def test_html_says_that_menus_were_left_out(tmp_path):
    menu = "<nav><h2>Home</h2></nav>"
    document = html.load(write(tmp_path, "a.html", f"{menu}<p>text</p>"))
    assert (document.text, document.headings) == ("text", ())
    assert document.notes == ("the page's menus were left out",)
    assert html.read_markup(f"{menu}<p>text</p>", with_menus=True).text == "Home\n\ntext"
    assert html.load(write(tmp_path, "b.html", "<p>text</p>")).notes == ()


def test_html_headings_point_at_their_text(tmp_path):
    body = "<h1> Leave </h1><p>25 days</p><h3>Sick <em>pay</em></h3><h2></h2>six"
    source = f"<title> Staff\n handbook </title>{body}"
    document = html.load(write(tmp_path, "a.html", source))
    assert document.text == "Leave\n\n25 days\n\nSick pay\n\nsix"
    assert document.headings == (Heading(1, "Leave", 0), Heading(3, "Sick pay", 16))
    assert document.title == "Staff handbook"


@pytest.mark.parametrize(
    "encoded",
    [
        "<p>Größe".encode(),
        "<p>Größe".encode("utf-16"),
        '<meta charset="iso-8859-1"><p>Größe'.encode("cp1252"),
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><p>Größe'.encode("cp1252"),
        '<meta charset="utf-16"><p>Größe'.encode(),
        '<meta charset="no-such-charset"><p>Größe'.encode(),
        '<?xml version="1.0" encoding="latin1"?><p>Größe</p>'.encode("latin-1"),
    ],
)
def test_html_is_decoded_as_it_says_or_as_its_bytes_say(tmp_path, encoded):
    assert html.load(write(tmp_path, "a.html", encoded)).text == "Größe"


def test_xhtml_may_close_elements_in_their_own_tag(tmp_path):
    source = (
        '<?xml version="1.0"?><html><head><title/><script src="x"/></head><body><a id="1"/>text</body></html>'
    )
    assert html.load(write(tmp_path, "a.xhtml", source)).text == "text"


def test_deeply_nested_html_is_read(tmp_path):
    assert html.load(write(tmp_path, "a.html", "<div>" * 3000 + "deep")).text == "deep"


def test_pdf_pages_have_numbers_and_spans(tmp_path):
    document = pdf.load(write_pdf(tmp_path, ["Leave is 25 days", "", "Sick pay"], title="Handbook"))
    assert document.text == "Leave is 25 days\n\nSick pay"
    assert document.parts == (Part(1, 0, 16), Part(2, 17, 17), Part(3, 18, 26))
    assert document.title == "Handbook"


def test_pdf_without_text_asks_for_ocr(tmp_path):
    with pytest.raises(UnreadableDocument, match=r"holds no text layer \(scanned pages\?\); needs OCR"):
        pdf.read_pdf(write_pdf(tmp_path, ["", ""]), recogniser=None)


@pytest.mark.parametrize(
    ("page", "joined"),
    [
        ("assembly lan\ufffeguage here", "assembly language here"),
        ("memory\ufffemapped files; memory is mapped", "memory-mapped files; memory is mapped"),
        ("a soft\u00ad\nware house", "a software house"),
    ],
)
def test_pdf_words_broken_at_line_ends_are_joined(page, joined):
    assert join_broken_words([page]) == [joined]


def test_a_quotation_across_a_joined_word_and_a_line_end_is_cited_where_it_stands():
    texts = join_broken_words(["The first lan\ufffeguage page.", "Assembly lan\ufffeguage is\nold."])
    document = Document("\n".join(texts), parts=pdf._parts(texts, ["", ""]))
    count_tokens = HashEmbedder().count_tokens
    chunk = chunk_document(document, count_tokens=count_tokens, options=ChunkOptions(64))[1]
    source = Hit(Path("a.pdf"), chunk.text, 1.0, chunk.page, chunk.lines, chunk.span)
    (citation,) = cite_quote("Assembly language is\nold", [source])
    start, end = citation.span
    assert document.text[start:end] == citation.quote == "Assembly language is\nold"
    assert (citation.page, citation.lines, citation.place) == (2, None, "page 2")


def test_pdf_behind_a_password_says_so(tmp_path):
    path = write_pdf(tmp_path, ["secret"])
    keys = f"/O <{'11' * 32}> /U <{'22' * 32}>"
    encryption = f"<< /Filter /Standard /V 1 /R 2 /P -4 {keys} >> /ID [<{'33' * 16}> <{'33' * 16}>]"
    path.write_bytes(path.read_bytes().replace(b"/Root", f"/Encrypt {encryption} /Root".encode()))
    with pytest.raises(UnreadableDocument, match="is encrypted; remove its password"):
        pdf.load(path)


STYLES = (
    '<w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:styleId="Kapitel"><w:name w:val="Kapitel"/><w:basedOn w:val="berschrift1"/></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="Own"/><w:pPr><w:outlineLvl w:val="2"/></w:pPr></w:style>'
    '<w:style w:styleId="Titel"><w:name w:val="Title"/></w:style>'
    '<w:style w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>'
)


@pytest.mark.parametrize(
    ("style", "properties", "level"),
    [
        ("berschrift1", "", 1),
        ("Kapitel", "", 1),
        ("Own", "", 3),
        ("", '<w:outlineLvl w:val="1"/>', 2),
        ("berschrift1", '<w:outlineLvl w:val="9"/>', None),
        ("Titel", "", None),
        ("Loop", "", None),
        ("Unknown", "", None),
    ],
)
def test_docx_headings_are_known_by_style_and_outline_level(tmp_path, style, properties, level):
    body = paragraph("Leave", style=style, properties=properties) + paragraph("25 days")
    document = docx.load(write_docx(tmp_path, body, parts={"styles": STYLES}))
    assert document.text == "Leave\n\n25 days"
    assert document.headings == (() if level is None else (Heading(level, "Leave", 0),))
    assert document.title == ("Leave" if style == "Titel" else None)


RUN = "<w:r><w:t>{}</w:t></w:r>"
BOX = "<w:txbxContent>" + paragraph("in the box") + "</w:txbxContent>"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (f"<w:p><w:del>{RUN.format('old')}</w:del><w:ins>{RUN.format('new')}</w:ins></w:p>", "new"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        (f"<w:p><w:hyperlink>{RUN.format('link')}</w:hyperlink></w:p>", "link"),
        (f"<w:sdt><w:sdtContent>{paragraph('inside')}</w:sdtContent></w:sdt>", "inside"),
        (table(["a", "b"], ["c", ""]), "a | b\nc |"),
        (table(["one column"], ["of text"]), "one column\n\nof text"),
        (table(["a", "b"]).replace("<w:tr>", "<w:tr><w:trPr><w:del/></w:trPr>") + paragraph("x"), "x"),
        (
            (
                f"<w:p><w:r><w:t>anchor</w:t><mc:AlternateContent><mc:Choice>{BOX}</mc:Choice>"
                f"<mc:Fallback>{BOX}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
            ),
            "anchor\n\nin the box",
        ),
        (
            paragraph("Bring:")
            + paragraph("pen", properties="<w:numPr/>")
            + paragraph("ink", properties="<w:numPr/>"),
            "Bring:\n\npen\nink",
        ),
    ],
    ids=["tracked", "breaks", "link", "control", "table", "column", "deleted-row", "text-box", "list"],
)
def test_docx_text_is_what_stands_in_the_file(tmp_path, body, text):
    assert docx.load(write_docx(tmp_path, body)).text == text


def test_docx_notes_headers_and_footers_stand_under_their_own_headings(tmp_path):
    parts = {
        "footer": paragraph("7"),
        "header": paragraph("ACME handbook"),
        "footnotes": f"<w:footnote>{paragraph('see the law')}</w:footnote>",
    }
    document = docx.load(write_docx(tmp_path, paragraph("Leave"), parts=parts))
    assert document.text == "Leave\n\nHeaders\n\nACME handbook\n\nFootnotes\n\nsee the law"
    assert [heading.title for heading in document.headings] == ["Headers", "Footnotes"]


def anchored(content: str) -> str:
    namespaces = 'xmlns:r="relationships" xmlns:a="drawing"'
    return f"<w:p><w:r><w:t>Leave</w:t><w:drawing {namespaces}>{content}</w:drawing></w:r></w:p>"


NORTH = '<pt idx="0"><v>North</v></pt>'
CHART = f'<ser><tx><v>2024</v></tx><cat>{NORTH}</cat><val><pt idx="0"><v>5</v></pt></val></ser>'


@pytest.mark.parametrize(
    ("content", "parts", "text"),
    [
        ('<w:docPr descr="A red&#10;bridge"/><w:docPr descr="A red bridge"/>', {}, "A red bridge"),
        ('<a:chart r:id="rchart"/>', {"chart": CHART}, "| 2024\nNorth | 5"),
        (
            '<a:relIds r:dm="rdiagramData"/>',
            {"diagramData": "<pt><p><r><t>plan</t></r></p></pt><pt><p><r><t>do</t></r></p></pt>"},
            "plan\ndo",
        ),
        ("", {"comments": f"<w:comment>{paragraph('Really?')}</w:comment>"}, "Comments\n\nReally?"),
    ],
    ids=["alternative text", "chart", "diagram", "comment"],
)
def test_docx_figures_and_comments_are_read(tmp_path, content, parts, text):
    document = docx.load(write_docx(tmp_path, anchored(content), parts=parts))
    assert (document.text, document.notes) == (f"Leave\n\n{text}", ())


def test_docx_says_which_files_in_it_are_not_read(tmp_path):
    embedded = anchored('<a:OLEObject ProgID="Excel.Sheet.12"/>') + '<w:altChunk w:id="r1"/>'
    document = docx.load(write_docx(tmp_path, embedded))
    assert document.notes == (
        "an embedded object of kind 'Excel.Sheet.12' is not read",
        "a part that is a file of another format is not read",
    )


def test_docx_entities_are_not_expanded(tmp_path):
    secret = write(tmp_path, "secret.txt", "the secret")
    path = tmp_path / "file.docx"
    source = (
        f'<!DOCTYPE d [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
        '<document xmlns="x"><p><r><t>before</t></r><r><t>&e;</t></r></p></document>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", source)
    assert docx.load(path).text == "before"


def test_docx_that_unpacks_to_too_much_is_refused(tmp_path):
    path = write_docx(tmp_path, paragraph("x" * 20_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableDocument, match=r"unpacks to too much: word/document.xml grows \d+-fold"):
        docx.load(path)


def test_docx_parts_are_bounded_together(tmp_path, monkeypatch):
    path = write_docx(tmp_path, paragraph("x" * 600), parts={"header": paragraph("y" * 600)})
    monkeypatch.setattr(safe_zip, "MAX_UNPACKED_BYTES", 1500)
    with pytest.raises(UnreadableDocument, match="unpacks to too much"):
        docx.load(path)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"readme.txt": "x"}, "is a zip archive without a Word document in it"),
        ({"word/document.xml": "<w:document"}, "is damaged: word/document.xml is not well-formed XML"),
        (
            {"word/document.xml": "<a>" * 300 + "</a>" * 300},
            "is damaged: word/document.xml is not well-formed XML",
        ),
        ({"word/document.xml": "<document/>"}, "holds no text"),
    ],
)
def test_docx_that_is_none_says_why(tmp_path, parts, reason):
    path = tmp_path / "file.docx"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(UnreadableDocument, match=reason):
        docx.load(path)


def test_docx_with_flipped_bytes_is_damaged(tmp_path):
    path = write_docx(tmp_path, paragraph("Leave is 25 days"))
    content = bytearray(path.read_bytes())
    start = content.index(b"word/document.xml") + len("word/document.xml")
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(UnreadableDocument, match="is damaged: its archive cannot be unpacked"):
        docx.load(path)
