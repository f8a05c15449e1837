import pytest
from loader_files import sample, write
from office_files import write_zip

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import epub
from gpt4all_localdocs.types import Heading, Part

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
XHTML = "application/xhtml+xml"


def item(name, *, href="", media_type=XHTML, properties=""):
    return (
        f'<item id="{name}" href="{href or name + ".xhtml"}" media-type="{media_type}"'
        f' properties="{properties}"/>'
    )


def write_epub(folder, items, spine, files):
    package = (
        '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The  Book</dc:title>'
        f"<dc:title>A tale</dc:title></metadata><manifest>{''.join(items)}</manifest><spine>"
        + "".join(f'<itemref idref="{name}"/>' for name in spine)
        + "</spine></package>"
    )
    book = {"META-INF/container.xml": CONTAINER, "OPS/book.opf": package}
    return write_zip(folder / "a.epub", book | files)


def page(body):
    return f"<html><head><title/></head><body>{body}</body></html>"


NAVIGATION = page(
    '<nav epub:type="landmarks"><a href="one.xhtml">wrong</a></nav>'
    '<nav epub:type="toc"><a href="one.xhtml"> Chapter\n One </a><a href="sub/t%C3%BCr.xhtml#x">Door</a>'
    '<a href="many.xhtml#a">A</a><a href="many.xhtml#b">B</a></nav>'
)


def test_chapters_are_parts_in_reading_order_with_titles_from_the_contents(tmp_path):
    items = [
        item("one"),
        item("door", href="sub/t%C3%BCr.xhtml"),
        item("many"),
        item("empty"),
        item("contents", properties="scripted nav"),
    ]
    files = {
        "OPS/one.xhtml": page("<h2>First</h2><p>It began.</p>"),
        "OPS/sub/tür.xhtml": page('<script src="x"/><p>It shut.</p>'),
        "OPS/many.xhtml": page('<h1 id="a">Both</h1><a id="b"/>end'),
        "OPS/empty.xhtml": page('<img src="x.png"/>'),
        "OPS/contents.xhtml": NAVIGATION,
    }
    spine = ["contents", "door", "one", "nobody", "many", "empty"]
    document = epub.load(write_epub(tmp_path, items, spine, files))
    assert document.text == "It shut.\n\nFirst\n\nIt began.\n\nBoth\n\nend\n\n"
    assert document.parts == (
        Part(1, 0, 8, "chapter", "Door"),
        Part(2, 10, 26, "chapter", "Chapter One"),
        Part(3, 28, 37, "chapter", "Both"),
        Part(4, 39, 39, "chapter", ""),
    )
    assert document.headings == (Heading(2, "First", 10), Heading(1, "Both", 28))
    assert document.title == "The Book"
    assert document.notes == (
        "the table of contents is left out",
        "chapter 4: no text; pictures are not read",
    )


def test_the_contents_of_epub_2_name_chapters_too(tmp_path):
    ncx = (
        "<ncx><navMap><navPoint><navLabel><text>Part I</text></navLabel>"
        '<content src="../one.xhtml"/><navPoint><navLabel><text>Inner</text></navLabel>'
        '<content src="../one.xhtml#x"/></navPoint></navPoint></navMap></ncx>'
    )
    items = [item("one"), item("ncx", href="toc/toc.ncx", media_type="application/x-dtbncx+xml")]
    files = {"OPS/one.xhtml": page("text"), "OPS/toc/toc.ncx": ncx}
    assert epub.load(write_epub(tmp_path, items, ["one"], files)).parts == (
        Part(1, 0, 4, "chapter", "Part I"),
    )


def test_what_of_the_spine_is_not_read_is_named(tmp_path):
    items = [item("one"), item("gone"), item("art", href="art.svg", media_type="image/svg+xml")]
    files = {"OPS/one.xhtml": page("text"), "OPS/art.svg": "<svg/>"}
    document = epub.load(write_epub(tmp_path, items, ["one", "gone", "art"], files))
    assert document.notes == (
        "'OPS/gone.xhtml' is missing in the file",
        "'OPS/art.svg' is left out: type 'image/svg+xml' is not read",
    )


def test_a_book_with_garbled_chapters_is_protected_and_one_with_garbled_fonts_is_not(tmp_path):
    def garbled(name):
        return f'<encryption><EncryptedData><CipherReference URI="{name}"/></EncryptedData></encryption>'

    files = {"OPS/one.xhtml": page("text")}
    fonts = files | {"META-INF/encryption.xml": garbled("OPS/font.otf")}
    assert epub.load(write_epub(tmp_path, [item("one")], ["one"], fonts)).text == "text"
    chapters = files | {"META-INF/encryption.xml": garbled("OPS/one.xhtml")}
    with pytest.raises(UnreadableDocument, match=r"is protected \(DRM\)"):
        epub.load(write_epub(tmp_path, [item("one")], ["one"], chapters))


def test_a_book_that_is_none_says_why(tmp_path):
    with pytest.raises(UnreadableDocument, match="is not an EPUB file, or is damaged"):
        epub.load(write(tmp_path, "a.epub", "text"))
    with pytest.raises(UnreadableDocument, match="is a zip archive without a book in it"):
        epub.load(write_zip(tmp_path / "b.epub", {"META-INF/container.xml": "<container/>"}))
    with pytest.raises(UnreadableDocument, match=r"holds no text; 'OPS/one\.xhtml' is missing in the file"):
        epub.load(write_epub(tmp_path, [item("one")], ["one"], {}))


@pytest.mark.parametrize(
    ("name", "number", "label", "phrase"),
    [
        ("wasteland.epub", 1, "The Waste Land", "April is the cruellest month, breeding\nLilacs"),
        ("features.epub", 2, "MathML", "[OPTIONAL] mathml-020 CSS Styling of the math element"),
        ("formatting.epub", 3, "Multi-Column Layouts", "[REQUIRED] style-110 Multi-Column Layouts"),
        ("epub2_no_cover.epub", 1, "EPUB Pandoc Test", "Pandoc EPUB2 Test"),
        ("img.epub", 1, "Multimedia", "If a checkmark precedes this paragaph, the test passes."),
    ],
)
def test_a_phrase_of_a_sample_book_stands_in_its_chapter(name, number, label, phrase):
    document = epub.load(sample(f"epub/{name}"))
    part = document.parts[number - 1]
    assert (part.number, part.label) == (number, label)
    assert phrase in document.text[part.start : part.end]
