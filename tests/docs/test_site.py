"""The site is built strictly, from every page, and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module

import pytest
from page_blocks import PAGES, ROOT, named

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src"}
DECISIONS = ROOT / "docs" / "decisions"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


class Loaded(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.addresses.append(values["href"])
        self.addresses.append(values.get(LOADS.get(tag, "")) or "")
        self.addresses += re.findall(r"url\(['\"]?([^)]*)\)", values.get("style") or "")
        self.addresses += re.split(r"[\s,]+", values.get("srcset") or "")


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES) / 2
    for page in pages:
        reader = Loaded()
        reader.feed(page.read_text("utf-8"))
        elsewhere = [address for address in reader.addresses if re.match(r"([a-z]+:)?//", address)]
        assert not elsewhere, page
        assert 'class="mermaid"' not in page.read_text("utf-8"), "the theme would fetch what draws it"


def test_no_style_loads_anything_from_elsewhere(site):
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import )['\"]?(?:https?:)?//", style.read_text("utf-8")), style


def test_the_search_works_from_the_disk(site):
    assert (site / "search" / "search_index.js").exists()
    assert 'src="assets/iframe-worker.js"' in (site / "index.html").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_is_in_the_site(page, site):
    if page == ROOT / "README.md":  # index.md stands for it
        return
    name = page.relative_to(ROOT / "docs") if page.is_relative_to(ROOT / "docs") else page.relative_to(ROOT)
    name = name.with_name("index.md") if name.name == "README.md" else name
    assert (site / name.with_suffix(".html")).exists()


def test_the_index_of_decisions_has_each_by_its_title(site):
    index = (site / "decisions" / "index.html").read_text("utf-8")
    told = re.findall(r'>(\d+)</td>\s*<td><a href="([^"]+)\.html">', index)
    assert [name for _, name in told] == [path.stem for path in sorted(DECISIONS.glob("0*.md"))]
    assert all(int(number) == int(name[:4]) for number, name in told)


@pytest.mark.parametrize(
    "package", ["gpt4all_core", "gpt4all_localdocs", "langchain_gpt4all", "llamaindex_gpt4all"]
)
def test_the_reference_has_every_public_name(package, site):
    told = (site / "reference" / f"{package}.html").read_text("utf-8")
    for name in import_module(package).__all__:
        assert f'id="{package}.{name}"' in told, name


def test_lists_and_tables_are_such_where_no_empty_line_comes_before_them(site):
    for page in site.rglob("*.html"):
        paragraphs = re.findall(r"<p>(.*?)</p>", page.read_text("utf-8"), re.DOTALL)
        assert not [text for text in paragraphs if re.search(r"^([*+-] |\|)", text, re.MULTILINE)], page


def test_bars_in_the_code_of_a_cell_lose_their_backslash(site):
    assert "<code>task: search result | query:</code>" in (site / "models.html").read_text("utf-8")
