import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loader_files import write

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import markdown, text
from gpt4all_localdocs.loaders.decode import decode_text
from gpt4all_localdocs.types import Heading


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Größe: 25 Tage", "utf-8"),
        ("Größe: 25 Tage", "utf-8-sig"),
        ("Größe: 25 Tage", "utf-16"),
        ("Größe: 25 Tage", "utf-16-le"),
        ("Größe: 25 Tage", "utf-16-be"),
        ("Größe: 25 Tage", "utf-32"),
        ("café crème brûlée à Noël, où êtes-vous ?", "cp1252"),
        ("“smart quotes” — dash", "cp1252"),
        ("Größe und Übergrößen für Bücher", "latin-1"),
        ("Привет, как дела? Это русский текст.", "cp1251"),
        ("日本語のテキストです。これは文書です。", "shift_jis"),
        ("日本語のテキストです。", "euc-jp"),
        ("日本語のテキストです。", "iso2022_jp"),
        ("従業員は年間25日の有給休暇を取得できます。", "euc-jp"),
        ("Отпуск составляет 28 дней.", "cp1251"),
        ("Отпуск составляет 28 дней.", "koi8-r"),
        ("Отпуск составляет 28 дней.", "cp866"),
        ("Привет, как дела?", "koi8-r"),
        ("Привет, как дела?", "iso8859-5"),
        ("Привет, как дела?", "utf-16-le"),
        ("Відпустка становить 24 дні, її можна перенести.", "koi8-u"),
        ("年假为二十五天。", "gb18030"),
        ("年假为二十五天。", "utf-16-be"),
        ("年假為二十五天。", "big5"),
        ("연차 휴가는 25일입니다.", "euc-kr"),
        ("L'été dernier", "cp1252"),
        ("El niño comió piñas. ¿Cuántos días?", "cp1252"),
        ("Preis: 25 €", "cp1252"),
        ("Zażółć gęślą jaźń", "iso8859-2"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy", "cp1250"),
        ("Árvíztűrő tükörfúrógép, évente", "cp1250"),
        ("Yıllık izin yirmi beş gündür. Şirket ağı", "cp1254"),  # noqa: RUF001 - Turkish
        ("Η ετήσια άδεια είναι 25 ημέρες.", "cp1253"),  # noqa: RUF001 - Greek
        ("החופשה השנתית היא עשרים יום.", "cp1255"),
        ("الإجازة السنوية خمسة وعشرون يوما.", "cp1256"),
        ("วันลาพักร้อนประจำปีคือยี่สิบห้าวัน", "cp874"),
    ],
)
def test_the_encoding_is_found(tmp_path, content, encoding):
    assert text.load(write(tmp_path, "a.txt", content.encode(encoding))).text == content


def test_the_encoding_is_found_where_only_the_end_of_a_long_file_is_not_ascii(tmp_path):
    content = "25 days\n" * 5_000 + "Отпуск составляет 28 дней."
    assert text.load(write(tmp_path, "a.txt", content.encode("koi8-r"))).text == content


def test_one_broken_byte_does_not_turn_utf8_into_something_else(tmp_path):
    content = "Überall schöne Größen, überall. " * 5
    document = text.load(write(tmp_path, "a.txt", content.encode() + b"\xff!"))
    assert document.text == content + "\ufffd!"


def test_line_ends_become_newlines_and_form_feeds_stay(tmp_path):
    assert text.load(write(tmp_path, "a.txt", b"a\r\nb\rc\n\fd")).text == "a\nb\nc\n\fd"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1))
def test_any_utf8_text_comes_back(content):
    assert decode_text(content.encode(), path=None) == content


@given(st.binary(min_size=1, max_size=200))
@settings(deadline=None)  # the first detection of an encoding loads the detector
def test_any_bytes_give_text_without_nul_or_a_reason(content):
    try:
        assert "\0" not in decode_text(content, path=None)
    except UnreadableDocument as error:
        assert error.reason in {  # noqa: PT017 - both outcomes are right
            "is a binary file, not text",
            "its text encoding could not be recognised; save it as UTF-8",
        }


@pytest.mark.parametrize(
    ("source", "headings"),
    [
        ("# Leave\n## Sick pay ##\n", [(1, "Leave", 0), (2, "Sick pay", 8)]),
        ("text\n\nLeave\n=====\n\nSick pay\n---\n", [(1, "Leave", 6), (2, "Sick pay", 19)]),
        ("   ### Three spaces\n    # four are code", [(3, "Three spaces", 0)]),
        ("#hashtag\n####### seven\n#\n", []),
        ("```sh\n# comment\n```\n# After", [(1, "After", 20)]),
        ("~~~\n```\n# code\n~~~\n# After", [(1, "After", 19)]),
        ("````\n```\n# code\n````\n# After", [(1, "After", 21)]),
        ("```not a fence```\n# After", [(1, "After", 18)]),
        ("```\n# never closed", []),
        ("- item\n---\ntext\n\n---\n", []),
        ("two lines\nof text\n---\n", []),
        (
            "# The **bold** `code` [link](http://x) of snake_case {#id}",
            [(1, "The bold code link of snake_case", 0)],
        ),
        ("x" * 300 + "\n===\n", []),
    ],
)
def test_headings_are_found_where_markdown_has_them(tmp_path, source, headings):
    document = markdown.load(write(tmp_path, "a.md", source + "\ntext"))
    assert document.headings == tuple(Heading(*heading) for heading in headings)
    assert document.text == source + "\ntext"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ('---\ntitle: "Staff handbook"\ntags: [a]\n---\n# Leave', "Staff handbook"),
        ("+++\ntitle = 'Staff handbook'\n+++\ntext", "Staff handbook"),
        ("---\ndate: 2024\n---\n# Leave", "Leave"),
        ("## Second level\n\n# Leave", "Leave"),
        ("---\ntitle: never closed\n", None),
        ("no title: here", None),
    ],
)
def test_the_title_is_the_front_matters_or_the_first_heading_of_level_1(tmp_path, source, title):
    assert markdown.load(write(tmp_path, "a.md", source)).title == title


def test_front_matter_is_no_setext_heading(tmp_path):
    assert markdown.load(write(tmp_path, "a.md", "---\ntitle: x\n---\ntext")).headings == ()
