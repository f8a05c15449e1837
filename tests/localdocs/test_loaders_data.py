import json

import pytest
from loader_files import sample, write

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import json_values, notebook, xml_text
from gpt4all_localdocs.loaders.registry import load_document
from gpt4all_localdocs.types import Heading, Part


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            '{"leave": {"days": 25, "paid": true}, "note": null}',
            "leave.days: 25\nleave.paid: true\nnote: null",
        ),
        ('{"a": [1, "two\\nlines", null]}', "a: 1, two lines, null"),
        (
            '[{"name": "Ada", "leave": {"days": 25}}, {"name": "Bob"}]',
            "name: Ada | leave.days: 25\nname: Bob",
        ),
        ('{"staff": [{"name": "Ada"}, {"name": "Bob"}]}', "staff[0]: name: Ada\nstaff[1]: name: Bob"),
        ('[{"tags": ["a", "b"], "old": [{"x": 1}]}]', "tags: a, b | old[0].x: 1"),
        ('{"twice": 1, "twice": 2}', "twice: 1\ntwice: 2"),
        ('{"n": 1e400, "m": 12345678901234567890.10}', "n: 1e400\nm: 12345678901234567890.10"),
        ("[" + "7" * 5000 + ", 1]", "7" * 5000 + ", 1"),
        ('"just a text"', "just a text"),
        ('{"a b\\nc": 1}', "a b c: 1"),
    ],
)
def test_json_is_lines_of_values_with_their_paths(tmp_path, source, text):
    document = json_values.load(write(tmp_path, "a.json", source))
    assert (document.text, document.notes) == (text, ())


def test_a_long_record_has_a_line_for_each_value(tmp_path):
    source = json.dumps([{"title": "Leave", "text": "word " * 300}])
    lines = json_values.load(write(tmp_path, "a.json", source)).text.split("\n")
    assert lines[0] == "[0].title: Leave"
    assert lines[1].startswith("[0].text: word word")


def test_every_line_of_json_lines_is_a_line_of_text(tmp_path):
    document = json_values.load(write(tmp_path, "a.jsonl", '{"a": 1}\n\nbroken\n{"a": {"b": 2}}\n'))
    assert document.text == "a: 1\n\nbroken\na.b: 2"
    assert document.notes == ("line 3: no JSON, read as plain text",)
    assert json_values.load(write(tmp_path, "a.json", '{"a": 1}\n{"a": 2}\n')).text == "a: 1\na: 2"


def test_json_with_comments_is_read_as_the_text_it_is(tmp_path):
    source = '{\n  // days\n  "leave": 25\n}'
    document = json_values.load(write(tmp_path, "a.json", source))
    assert document.text == source
    assert document.notes[0].startswith("is no valid JSON (")


def test_paths_do_not_grow_with_the_depth_of_json(tmp_path):
    source = '{"member":' * 300 + "1" + "}" * 300
    text = json_values.load(write(tmp_path, "a.json", source)).text
    assert text.startswith("…")
    assert len(text) == 204


@pytest.mark.parametrize("source", ["[" * 100_000, '{"a":' * 10_000 + "1" + "}" * 10_000])
def test_json_of_endless_depth_is_refused(tmp_path, source):
    with pytest.raises(UnreadableDocument, match="is nested too deeply"):
        load_document(write(tmp_path, "a.json", source))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "<staff><person id='1'><name>Ada</name><leave unit='days'>25</leave></person></staff>",
            "person id: 1\nname: Ada\nleave unit: days\nleave: 25",
        ),
        ("<a><b>one</b><b>two</b></a>", "b: one\nb: two"),
        ("<a>Some <b>bold</b> text</a>", "Some bold text"),
        ("<doc><p>One <i>two</i></p><p>three</p></doc>", "One two\n\nthree"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<x:p>a</x:p><x:p>b</x:p>", "a\n\nb"),
        ("<d><p>x</p><row><cell>a</cell><cell>b <i>c</i></cell></row></d>", "x\n\na | b c"),
        ("<!DOCTYPE a SYSTEM 'x.dtd'><a><p>caf&eacute;</p></a>", "café"),
        ("<a><!-- no --><?no no?><b>yes</b></a>", "b: yes"),
        ("<d><p>a</p><binary>AAAA</binary></d>", "a"),
    ],
)
def test_xml_is_prose_or_lines_that_name_their_elements(tmp_path, source, text):
    document = xml_text.load(write(tmp_path, "a.xml", source))
    assert (document.text, document.notes) == (text, ())


def test_sections_of_xml_have_headings(tmp_path):
    source = (
        "<article><title>Leave</title>"
        "<section><title>Sick <b>pay</b></title><para>Six weeks.</para></section></article>"
    )
    document = xml_text.load(write(tmp_path, "a.xml", source))
    assert document.text == "Leave\n\nSick pay\n\nSix weeks."
    assert document.headings == (Heading(1, "Leave", 0), Heading(2, "Sick pay", 7))
    assert document.title == "Leave"


@pytest.mark.parametrize(
    ("source", "text", "note"),
    [
        ("<a><b>one</b><c>two", "b: one\nc: two", "is damaged, some of it may be missing: "),
        (
            "<!DOCTYPE a [<!ENTITY e 'xx'><!ENTITY f '&e;&e;'>]><a>x &f; y</a>",
            "x y",
            "entities are not expanded: f",
        ),
        ("<a>" + "<b>" * 300 + "deep", "", ""),
        ("no markup", "", ""),
    ],
)
def test_broken_and_hostile_xml_is_read_as_far_as_it_goes_with_a_note(tmp_path, source, text, note):
    path = write(tmp_path, "a.xml", source)
    if not text:
        with pytest.raises(UnreadableDocument, match=r"is no XML: |Excessive depth"):
            xml_text.load(path)
        return
    document = xml_text.load(path)
    assert document.text == text
    assert document.notes[0].startswith(note)


def test_xml_reads_no_other_file(tmp_path):
    secret = write(tmp_path, "secret.txt", "the secret")
    source = f"<!DOCTYPE a [<!ENTITY e SYSTEM '{secret.as_uri()}'>]><a><b>before</b><b>&e;</b></a>"
    assert xml_text.load(write(tmp_path, "a.xml", source)).text == "b: before"


def a_notebook(*cells, **others):
    return json.dumps({"cells": list(cells), "nbformat": 4, **others})


def test_a_notebook_has_its_cells_as_parts_and_its_titles_as_headings(tmp_path):
    source = a_notebook(
        {"cell_type": "markdown", "source": ["# Leave\n", "text\n"]},
        {"cell_type": "code", "source": "", "outputs": []},
        {
            "cell_type": "code",
            "source": "# no heading\nprint(25)",
            "outputs": [
                {"output_type": "stream", "text": ["\x1b[31m25\x1b[0m\n"]},
                {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["…"]},
            ],
        },
        {"cell_type": "raw", "source": "raw"},
    )
    document = notebook.load(write(tmp_path, "a.ipynb", source))
    code = "# no heading\nprint(25)\n\nOutput:\n25\nValueError: no"
    assert document.text == f"# Leave\ntext\n\n{code}\n\nraw"
    assert document.parts == (
        Part(1, 0, 12, "cell"),
        Part(3, 14, 14 + len(code), "cell"),
        Part(4, 16 + len(code), 19 + len(code), "cell"),
    )
    assert document.headings == (Heading(1, "Leave", 0),)
    assert document.title == "Leave"


def test_the_output_of_a_cell_is_bounded_and_pictures_are_named(tmp_path):
    outputs = [
        {"output_type": "stream", "text": "x" * 50_000},
        {"output_type": "display_data", "data": {"image/png": "iVBO", "text/html": "<b>y</b>"}},
    ]
    source = a_notebook({"cell_type": "code", "source": "f()", "outputs": outputs})
    document = notebook.load(write(tmp_path, "a.ipynb", source))
    assert document.text == "f()\n\nOutput:\n" + "x" * 10_000
    (note,) = document.notes
    assert note.startswith(
        "cell 1: image/png was left out: pictures have no text; its output was cut after 10,000"
    )


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{}", "is no notebook: it has no cells"),
        ("[1]", "is no notebook: it has no cells"),
        ('{"cells": ', "is no notebook, or is damaged"),
        ('{"cells": [{"source": [1, null]}, 7, {"outputs": [{"data": 3}, 4]}]}', "holds no text"),
    ],
)
def test_what_is_no_notebook_says_why(tmp_path, source, reason):
    with pytest.raises(UnreadableDocument, match=reason):
        notebook.load(write(tmp_path, "a.ipynb", source))


@pytest.mark.parametrize(
    ("name", "number", "phrase"),
    [
        ("jupyter/simple.ipynb", 1, "dolor sit amet, consectetur"),
        ("jupyter/simple.ipynb", 4, "Output:\nHTML hello"),
        ("jupyter/mime.ipynb", 4, "application/javascript"),
        ("jupyter/rank.ipynb", 2, "ax.imshow([[0, 1], [2, 3]]);"),
    ],
)
def test_a_phrase_of_a_sample_notebook_stands_in_its_cell(name, number, phrase):
    document = load_document(sample(name))
    (part,) = [part for part in document.parts if part.number == number]
    assert phrase in document.text[part.start : part.end]
