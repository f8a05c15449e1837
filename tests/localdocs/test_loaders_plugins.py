import importlib
import sys

import pytest
from loader_files import write, write_pdf

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders import plugins, registry
from gpt4all_localdocs.loaders.process import LoaderProcess
from gpt4all_localdocs.loaders.registry import (
    load_document,
    loader_for,
    loaders_version,
    supported_suffixes,
)

LOADER = """
from gpt4all_localdocs.types import Document
SUFFIXES = {suffixes!r}
VERSION = {version}
def load(path):
    {body}
"""


def forget():
    plugins.plugin_loaders.cache_clear()
    registry._plugins.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes a package with a loader importable, as an installation would."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    modules = set(sys.modules)

    def install(
        name, *, body="return Document('read by ' + path.suffix)", suffixes=(".xyz",), version=1, source=None
    ):
        (folder / f"{name}.py").write_text(
            source or LOADER.format(suffixes=suffixes, version=version, body=body)
        )
        information = folder / f"{name}-2.5.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
        (information / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{name}-entry = {name}\n")
        forget()

    yield install
    monkeypatch.undo()
    for name in set(sys.modules) - modules:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    forget()


def test_a_loader_of_another_package_reads_its_files_here_and_in_the_child(tmp_path, install):
    path = write(tmp_path, "a.xyz", b"\0\1")
    before = loaders_version()
    with pytest.raises(UnreadableDocument, match=r"there is no loader for \.xyz"):
        load_document(path)
    install("plugin_one")
    assert ".xyz" in supported_suffixes()
    assert loader_for(path) is not None
    assert load_document(path).text == "read by .xyz"
    assert loaders_version() == ",".join(sorted([*before.split(","), "plugin_one-entry 1 (plugin_one 2.5)"]))
    with LoaderProcess() as loaders:
        assert loaders.load(path).text == "read by .xyz"


def test_an_installed_loader_goes_before_the_projects_own(tmp_path, install):
    install("plugin_pdf", suffixes=(".pdf",))
    pdf = write_pdf(tmp_path, ["text"])
    assert load_document(pdf).text == "read by .pdf"
    assert load_document(write(tmp_path, "named.txt", pdf.read_bytes())).text == "read by .txt"


def test_of_two_loaders_for_the_same_ending_the_first_by_name_reads(tmp_path, install):
    install("plugin_b", body="return Document('b')")
    install("plugin_a", body="return Document('a')")
    assert load_document(write(tmp_path, "a.xyz", "x")).text == "a"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"source": "import no_such_module"}, "ModuleNotFoundError: No module named 'no_such_module'"),
        ({"source": "raise SystemExit"}, "SystemExit"),
        ({"source": "x = 1"}, "has no attribute 'SUFFIXES'"),
        ({"suffixes": ("xyz",)}, "must be endings in lower case, with the dot"),
        ({"suffixes": ()}, "must be endings in lower case, with the dot"),
    ],
)
def test_a_broken_loader_is_named_in_the_log_and_the_others_work(
    tmp_path, install, caplog, options, complaint
):
    install("plugin_broken", **options)
    install("plugin_good")
    assert load_document(write(tmp_path, "a.xyz", "x")).text == "read by .xyz"
    (record,) = caplog.records
    assert record.getMessage().startswith("the loader 'plugin_broken-entry' (plugin_broken) is not used: ")
    assert complaint in record.getMessage()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "raise KeyError('page')",
            "its loader, plugin_one-entry 1 (plugin_one 2.5), failed (KeyError: 'page')",
        ),
        ("return 'text'", "its loader, plugin_one-entry 1 (plugin_one 2.5), gave a str and no Document"),
    ],
)
def test_a_loader_that_fails_costs_the_file_it_read(tmp_path, install, body, reason):
    install("plugin_one", body=body)
    with pytest.raises(UnreadableDocument) as raised:
        load_document(write(tmp_path, "a.xyz", "x"))
    assert raised.value.reason == reason
