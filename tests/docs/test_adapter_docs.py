import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def documents(tmp_path, monkeypatch):
    """The pages speak of a folder `documents`; here it holds one short file."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "handbook.md").write_text("# Leave\n\nThere are 27 days of paid annual leave.\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", ["langchain.md", "llamaindex.md"])
def test_the_code_of_the_page_runs_from_top_to_bottom(page, documents, capsys):
    blocks = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    assert len(blocks) >= 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)  # the page is ours
    assert "handbook.md" in capsys.readouterr().out


@pytest.mark.parametrize("example", ["langchain_documents.py", "llamaindex_documents.py"])
def test_the_example_answers_and_names_its_sources(example):
    path = ROOT / "examples" / example
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80
    ran = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answer, sources = ran.stdout.rsplit("\n\n", maxsplit=1)
    assert answer.strip()
    assert "staff-handbook.pdf, 4" in sources
