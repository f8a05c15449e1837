import io
import itertools
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from gpt4all_app.talk import markdown_stream
from gpt4all_app.talk.markdown_stream import MarkdownStream

ANSWER = """# Title

Some *words*,
on two lines with <b>html</b>.

1. one

   ```
   inside
   ```
2. two

```python
x = "a line that is longer than this terminal is wide, and is one line all the same"
    # ``` no end
```

[1]: http://example.org

~~~
open to the end"""

SHOWN = """Title

Some words,
on two lines with <b>html</b>.

 1 one
   inside
 2 two

```python
x = "a line that is longer than this terminal is wide, and is one line all the same"
    # ``` no end
```

[1]: http://example.org

~~~
open to the end
"""


def shown(pieces, *, height=20, **options):
    page = io.StringIO()
    stream = MarkdownStream(
        Console(file=page, force_terminal=True, color_system=None, width=40, height=height, **options)
    )
    for piece in pieces:
        stream.push(piece)
    stream.finish()
    return page.getvalue()


@pytest.fixture
def undrawn(monkeypatch):
    """Only what is shown for good."""
    monkeypatch.setattr(MarkdownStream, "_draw", lambda stream: None)


def test_every_word_is_shown_as_markdown_and_code_as_it_is(undrawn):
    assert shown([ANSWER]) == SHOWN


@settings(max_examples=30, deadline=None)
@example(cuts={ANSWER.index("2. two") - 1, ANSWER.index("2. two") + 1})
@given(cuts=st.sets(st.integers(1, len(ANSWER) - 1), max_size=40))
def test_how_a_text_is_cut_into_pieces_changes_nothing(cuts):
    edges = [0, *sorted(cuts), len(ANSWER)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MarkdownStream, "_draw", lambda stream: None)
        assert shown(ANSWER[a:b] for a, b in itertools.pairwise(edges)) == SHOWN


def test_what_is_redrawn_is_never_taller_than_the_terminal(monkeypatch):
    monkeypatch.setattr(markdown_stream, "REDRAWN_EVERY_S", 0)
    monkeypatch.setattr(markdown_stream, "_SHARE", 0)
    page = shown([f"- item {number}\n" for number in range(30)], height=10)
    risen = [match[0].count("\x1b[1A") for match in re.finditer(r"(?:\x1b\[1A|\x1b\[2K)+", page)]
    assert 5 < max(risen) < 10
    final = page.rpartition("\x1b[2K")[2]
    assert [line.strip() for line in final.splitlines() if "item" in line] == [
        f"• item {number}" for number in range(30)
    ]


def test_text_cannot_command_the_terminal_nor_hide_where_a_link_leads(undrawn):
    page = shown(["\x1b]0;owned\x07 [ours](http://theirs.example)\n\n```\n\x1b[2Jx\n```\n"])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page)
    assert "http://theirs.example" in page
