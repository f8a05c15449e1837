"""What docs/langchain.md shows below its code about documents is what the code prints.

What a model writes is left out: it may differ between processors.
"""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "langchain.md"
SHOWN = re.compile(r"^```python\n(.*?)^```\n\n^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLES = ["LocalDocsRetriever", "create_localdocs_tool", "create_localdocs_chain", "LocalDocsVectorStore"]


def test_searches_of_documents_print_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "handbook.md").write_text(
        "# Leave\n\nThere are 27 days of paid annual leave.\n"
    )
    text = PAGE.read_text("utf-8")
    examples = SHOWN.findall(text[text.index(f"## {TITLES[0]}") :])
    assert all(any(title in code for code, _ in examples) for title in TITLES)
    names: dict[str, object] = {}
    for code, shown in examples:
        exec(compile(code, PAGE.name, "exec"), names)  # the page is ours
        assert capsys.readouterr().out == shown
    names["docs"].close()
