import re

import pytest
from loader_files import sample, write

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import marked_text, source_code
from gpt4all_localdocs.loaders.registry import load_document


@pytest.mark.parametrize(
    ("name", "source", "headings"),
    [
        (
            "a.rst",
            "=====\nLeave\n=====\n\nSick pay\n--------\n\ntext\n\nRest\n====\n",
            [(1, "Leave"), (2, "Sick pay"), (3, "Rest")],
        ),
        ("a.rst", "a | b\n--\n\n===== ====\n12    12\n===== ====\n", []),
        ("a.adoc", "= Leave\n\n== Sick pay ==\n\n====\nexample\n====\n", [(1, "Leave"), (2, "Sick pay")]),
        ("a.org", "* TODO Leave :hr:law:\n** Sick pay\n- * item\n", [(1, "Leave"), (2, "Sick pay")]),
        (
            "a.tex",
            "\\section{Leave \\emph{of} absence}\\label{s}\n  \\subsection*{Sick}\n% \\section{no}\n",
            [(3, "Leave of absence"), (4, "Sick")],
        ),
        ("a.wiki", "== Leave ==\n=== Sick pay ===\na = b\n", [(2, "Leave"), (3, "Sick pay")]),
        ("a.dokuwiki", "====== Leave ======\n===== Sick pay =====\n", [(1, "Leave"), (2, "Sick pay")]),
        ("a.textile", "h1. Leave\nh2(class). Sick pay\n", [(1, "Leave"), (2, "Sick pay")]),
        ("a.typ", "= Leave\n== Sick pay\n==nothing\n", [(1, "Leave"), (2, "Sick pay")]),
        ("a.texi", "@chapter Leave\n@section Sick pay\n", [(2, "Leave"), (3, "Sick pay")]),
        ("a.man", '.SH "LEAVE"\n.SS Sick pay\n', [(1, "LEAVE"), (2, "Sick pay")]),
        ("a.toml", "[leave]\ndays = 25\n[[leave.sick]]\n", [(1, "leave"), (1, "leave.sick")]),
        ("a.ini", "[leave] ; days\nsick=6\n", [(1, "leave")]),
        ("a.org", "* " + "x" * 400 + "\n", []),
    ],
)
def test_headings_are_those_of_the_markup_and_the_text_is_the_files(tmp_path, name, source, headings):
    document = load_document(write(tmp_path, name, source))
    assert document.text == source
    assert [(heading.level, heading.title) for heading in document.headings] == headings
    for heading in document.headings:
        assert heading.start == 0 or source[heading.start - 1] == "\n"


def test_every_markup_has_a_pattern_and_refuses_an_empty_file(tmp_path):
    for suffix in marked_text.SUFFIXES:
        assert marked_text.load(write(tmp_path, f"a{suffix}", "text")).headings == ()
        with pytest.raises(UnreadableDocument, match="holds no text"):
            marked_text.load(write(tmp_path, f"a{suffix}", " \n"))


PYTHON = """\
import x

@cache
def leave_days(contract):
    def inner(): ...

class Leave:
    async def sick(self):
        class Local: ...

    class Kind: ...
"""


def test_python_has_its_definitions_as_headings(tmp_path):
    document = source_code.load(write(tmp_path, "a.py", PYTHON))
    assert document.text == PYTHON
    lines = [PYTHON[heading.start :].partition("\n")[0] for heading in document.headings]
    found = [(heading.level, heading.title) for heading in document.headings]
    assert [(*pair, line) for pair, line in zip(found, lines, strict=True)] == [
        (1, "def leave_days", "@cache"),
        (1, "class Leave", "class Leave:"),
        (2, "def Leave.sick", "    async def sick(self):"),
        (2, "class Leave.Kind", "    class Kind: ..."),
    ]


@pytest.mark.parametrize(
    ("name", "source", "titles"),
    [
        ("broken.py", "def f(:\n    pass\nclass A:\n  def g\n", ["def f(", "class A"]),
        (
            "a.js",
            "export class Leave extends X {\n}\nconst days = async (x) => {\n}\nlet y = 5;\n",
            ["export class Leave extends X", "const days = async (x) =>"],
        ),
        (
            "a.rs",
            "pub fn days(c: &C) -> u8 {\n    fn inner() {}\n}\nuse x;\nimpl Leave for C {\n",
            ["pub fn days(c: &C) -> u8", "impl Leave for C"],
        ),
        (
            "a.go",
            "package main\n\nfunc (c *C) Days() int {\n\treturn f(1)\n}\n",
            ["package main", "func (c *C) Days() int"],
        ),
        (
            "a.c",
            "#include <x.h>\nstatic int days(struct c *c)\n{\n  f(1);\n}\nint declared(void);\n",
            ["static int days(struct c *c)"],
        ),
        ("a.sh", "set -e\nleave_days() {\n  echo 25\n}\n", ["leave_days()"]),
        (
            "a.sql",
            "CREATE OR REPLACE VIEW leave AS\nSELECT 1;\nCREATE TABLE days (n int);\n",
            ["CREATE OR REPLACE VIEW leave AS"],
        ),
        ("a.java", "public final class Leave {\n  int days() {}\n}\n", ["public final class Leave"]),
        ("min.js", "function f(){" + "x;" * 500 + "}", []),
    ],
)
def test_other_languages_have_definitions_by_their_lines(tmp_path, name, source, titles):
    document = source_code.load(write(tmp_path, name, source))
    assert document.text == source
    assert [heading.title for heading in document.headings] == titles


MARKUPS = """
muse opendocument html5 html4 markdown typst fb2 asciidoc bbcode jira vimdoc texinfo plain zimwiki djot
latex tei dokuwiki mediawiki textile haddock docbook4 docbook5 markua context ms rst xwiki icml org man
jats_archiving
jats_articleauthoring jats_publishing asciidoc_legacy native
"""


@pytest.mark.parametrize("suffix", MARKUPS.split())
def test_a_sample_of_every_markup_is_read(suffix):
    document = load_document(sample(f"markdown/tables.{suffix}"))
    words = set(re.findall(r"[^\W_]+", document.text))
    assert {"Simple", "Center", "Right", "123", "Multiline", "caption"} <= words
