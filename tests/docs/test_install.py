"""The installer, without installing: what it would run, and what docs/install.md says of it."""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installer(monkeypatch):
    specification = importlib.util.spec_from_file_location("install", ROOT / "tools" / "install.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def steps(installer, tmp_path, monkeypatch):
    """The commands of a run in a fresh folder, and the variables they are given."""
    ran = []
    monkeypatch.setattr(installer, "check_machine", lambda: None)
    monkeypatch.setattr(installer.venv, "create", lambda folder, **_options: folder.mkdir())
    monkeypatch.setattr(installer, "has_pip", lambda _python: False)
    monkeypatch.setattr(installer, "is_installed", lambda *_named: False)
    monkeypatch.setattr(installer, "reads_media", lambda _python: True)
    monkeypatch.setattr(installer, "step", lambda _title, *what: ran.append(what))
    return ran


def test_every_extra_is_named_and_which_all_leaves_out():
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert named == extras.keys() - {"dev"}
    [whole] = extras["all"]
    taken = set(re.findall(r"\w+", whole.partition("[")[2]))
    [left_out] = re.findall(r"all of these but (.*) \|", page)
    assert set(re.findall(r"`(\w+)`", left_out)) == named - taken - {"all"}


def test_llama_cpp_is_built_first_and_then_the_project_installed(installer, steps, tmp_path):
    installer.install(tmp_path / "new")
    (build, variables), (project, _) = steps
    assert build[-1] == "llama_cpp_python==0.3.36"
    assert "--no-cache-dir" not in build
    assert variables == {}
    assert project[-2:] == ["--editable", f"{ROOT}[all,dev]"]
    assert (tmp_path / "new" / ".ready").exists()


def test_a_build_with_arguments_is_not_taken_from_pips_cache(installer, steps, tmp_path):
    installer.install(tmp_path / "new", cmake_args="-DGGML_CUDA=on")
    build, variables = steps[0]
    assert "--no-cache-dir" in build
    assert variables == {"CMAKE_ARGS": "-DGGML_CUDA=on"}


def test_a_build_of_pips_that_reads_neither_pictures_nor_sounds_is_made_anew(
    installer, steps, tmp_path, monkeypatch
):
    monkeypatch.setattr(installer, "reads_media", lambda _python: False)
    installer.install(tmp_path / "new")
    (first, _), (again, _), (project, _) = steps
    assert "--no-cache-dir" not in first
    assert {"--no-cache-dir", "--force-reinstall", "--no-deps"} < set(again)
    assert (again[-1], project[-2]) == (first[-1], "--editable")


def test_the_build_that_is_installed_here_reads_pictures_and_sounds(installer):
    assert installer.reads_media(Path(sys.executable))


def test_arguments_for_a_build_that_is_there_are_not_ignored_in_silence(
    installer, steps, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(installer, "is_installed", lambda *_named: True)
    installer.install(tmp_path / "new", cmake_args="-DGGML_CUDA=on")
    assert len(steps) == 1
    assert "make clean" in capsys.readouterr().err


def test_an_interrupted_installation_is_not_ready(installer, steps, tmp_path, monkeypatch):
    def interrupted(*_what):
        raise SystemExit(1)

    monkeypatch.setattr(installer, "step", interrupted)
    with pytest.raises(SystemExit):
        installer.install(tmp_path / "new")
    assert not (tmp_path / "new" / ".ready").exists()


def test_a_missing_compiler_is_named(installer, monkeypatch, capsys):
    monkeypatch.setattr(installer.shutil, "which", lambda tool: None if tool == "g++" else tool)
    with pytest.raises(SystemExit):
        installer.check_machine()
    assert "g++ not found" in capsys.readouterr().err


def test_a_step_that_fails_shows_the_end_of_its_output(installer, capsys):
    program = "import sys; print('the reason'); sys.exit(3)"
    with pytest.raises(SystemExit):
        installer.step("trying", [sys.executable, "-c", program], {})
    told = capsys.readouterr().err
    assert "the reason" in told
    assert "failed:" in told


def test_page_installer_and_project_agree_on_llama_cpp(installer):
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = installer.llama_requirement().replace("_", "-")
    assert pinned in project["dependencies"]
    assert set(re.findall(r"llama-cpp-python==[\d.]+", page)) == {pinned}


def test_the_page_lists_the_extras(installer):
    page = (ROOT / "docs" / "install.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)) == set(
        project["optional-dependencies"]
    ) - {"dev"}
