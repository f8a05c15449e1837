"""A hook of mkdocs: pages that are written for a forge, as it wants them for a site.

On a forge a page in `docs/` may link to any file of the repository. Here such files become pages of the
site: Markdown, pictures and documents as they are, programs and other text as a page that shows them, and
a directory as its README, or else as a list of what it holds. No link leads out of the site to an address
that only a forge would know. The index of the decisions, which a forge shows as a folder, is made of their
titles; and Markdown that a forge reads otherwise than Python's reader does is put as the latter wants it.
"""

import ast
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ALSO = ("CHANGELOG.md", "CONTRIBUTING.md", "examples/README.md")
"""In the navigation, whether or not a page links to them."""

PACKAGES = ("gpt4all_core", "gpt4all_localdocs", "langchain_gpt4all", "llamaindex_gpt4all")
"""Those with public names, each of which has a page of reference."""

DOCS = "docs/"
DECISIONS = "docs/decisions"
README = "README.md"
LANGUAGES = {".py": "python", ".mjs": "javascript", ".js": "javascript", ".json": "json", ".md": "markdown"}
AS_THEY_ARE = {".svg", ".png", ".webp", ".pdf", ".docx"}

_CODE_OR_LINK = re.compile(
    r"^```.*?^```$|`[^`\n]+`|(?P<open>\]\()(?P<target>(?![a-z]+:|#|/)[^)#\s]+)", re.MULTILINE | re.DOTALL
)
_ITEM_OR_ROW = re.compile(r"([*+-]|\d+\.) |\|")
_GOES_ON = re.compile(r"([*+-]|\d+\.) |\||  ")
_ROW = re.compile(r"^\|.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`]+`")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the reference, and a page for whatever a page links to that does not stand in `docs/`."""
    root = Path(config.config_file_path).parent
    for package in PACKAGES:
        content = _reference(root / package / "__init__.py", package)
        files.append(File.generated(config, f"reference/{package}.md", content=content))
    waiting = [name for name in ALSO if (root / name).is_file()]
    for page in files.documentation_pages():
        waiting += _targets(page.content_string, DOCS + page.src_uri)
    while waiting:
        name = waiting.pop()
        address = _address(name, root)
        if name.startswith(DOCS) or files.get_file_from_path(address):
            continue
        if not (root / name).exists():
            continue  # mkdocs tells of it, with the page and the link
        content = _content(root / name, name)
        files.append(File.generated(config, address, content=content))
        if address == name and isinstance(content, str):
            waiting += _targets(content, name)
        elif (root / name / README).is_file():
            waiting += _targets((root / name / README).read_text("utf-8"), f"{name}/{README}")
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Points links at the pages that stand for their files."""
    del files
    root = Path(config.config_file_path).parent
    here = page.file.src_uri
    name = here if page.file.generated_by else DOCS + here

    def pointed(match: re.Match[str]) -> str:
        if match["target"] is None:
            return match[0]
        address = _address(_resolved(match["target"], name), root).removeprefix(DOCS)
        return match["open"] + posixpath.relpath(address, posixpath.dirname(here) or ".")

    if name == f"{DECISIONS}/{README}":
        markdown += _index(root / DECISIONS)
    return _for_python(_CODE_OR_LINK.sub(pointed, markdown))


def _reference(path: Path, package: str) -> str:
    """The public names of a package, each with what its docstring says; read, and not imported."""
    module = ast.parse(path.read_text("utf-8"))
    names = next(
        ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    entries = "".join(f"::: {package}.{name}\n\n" for name in names)
    return f"# {package}\n\n{ast.get_docstring(module)}\n\n{entries}"


def _index(decisions: Path) -> str:
    """A line for each decision: its number and what was decided."""
    lines = ["| number | decision |", "|--:|---|"]
    for path in sorted(decisions.glob("[0-9]*.md")):
        title = path.read_text("utf-8").partition("\n")[0]
        lines.append(f"| {int(path.stem[:4])} | [{re.sub('^# [0-9]+[.:]? *', '', title)}]({path.name}) |")
    return "\n" + "\n".join(lines) + "\n"


def _for_python(markdown: str) -> str:
    """Empty lines before lists and tables, and no backslash before the bars in code within a cell."""
    lines: list[str] = []
    is_code = False
    for line in markdown.split("\n"):
        before = lines[-1] if lines else ""
        is_code ^= line.lstrip().startswith("```")
        begins = _ITEM_OR_ROW.match(line) and before.strip() and not _GOES_ON.match(before)
        lines += ["", line] if begins and not is_code else [line]
    return _ROW.sub(lambda row: _CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), "\n".join(lines))


def _targets(markdown: str, name: str) -> list[str]:
    """What a file of the repository links to, by their names there."""
    matches = _CODE_OR_LINK.finditer(markdown)
    return [_resolved(match["target"], name) for match in matches if match["target"] is not None]


def _resolved(target: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _address(name: str, root: Path) -> str:
    """Where in the site's sources a file of the repository stands."""
    if (root / name).is_dir():
        return f"{name}/{README}"
    if name.startswith(DOCS) or Path(name).suffix in AS_THEY_ARE | {".md"}:
        return name
    return f"{name}.md"


def _content(path: Path, name: str) -> str | bytes:
    if path.is_dir():
        if (path / README).is_file():
            return (path / README).read_text("utf-8")
        held = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
        return f"# {name}\n\n" + "".join(f"* `{entry}`\n" for entry in held)
    if path.suffix in AS_THEY_ARE:
        return path.read_bytes()
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return text
    return f"# {name}\n\n```{LANGUAGES.get(path.suffix, 'text')}\n{text.rstrip()}\n```\n"
