import inspect
import shutil
import socket
import sys

import pytest

from gpt4all_app.checkup import chosen_models, engine, kept_documents, places, serving
from gpt4all_app.checkup.engine import Build
from gpt4all_app.checkup.installation import judge
from gpt4all_app.paths import default_index
from gpt4all_app.serve import serve
from gpt4all_core.config import Settings, resolve_settings
from gpt4all_core.engine.devices import Device

CARD = Device("CUDA0", "a card", "gpu", 8 << 30, 8 << 30)
FAST = frozenset({"AVX2", "AVX512", "REPACK", "LLAMAFILE"})


@pytest.fixture(autouse=True)
def free_port(monkeypatch, request):
    """No test but those of the port itself opens a socket."""
    if "allow_hosts" not in {mark.name for mark in request.node.iter_markers()}:
        monkeypatch.setattr(serving, "is_free", lambda port: True)


def levels(findings):
    return {finding.about: finding.level for finding in findings}


def remedies(findings):
    return {finding.about: finding.remedy for finding in findings if finding.level != "ok"}


@pytest.fixture
def quiet(monkeypatch, tmp_path):
    """A machine with nothing special, whatever this one has."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "_NVIDIA", tmp_path / "none")
    monkeypatch.setattr(engine, "_PROCESSOR_FLAGS", tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: None)
    return monkeypatch


def test_an_installation_that_works_has_no_problem(gpt4all):
    found = gpt4all("doctor", "--json")
    assert found.code == 0, found.out
    report = found.document
    assert report["problems"] == 0
    assert {"llama.cpp", "kernels", "chat model", "memory", "embedder"} <= levels_of(report)
    (weak,) = [finding for finding in report["findings"] if finding["about"] == "chat model"]
    assert weak["remedy"].startswith("gpt4all models pull ")


def levels_of(report):
    return {finding["about"] for finding in report["findings"]}


def test_a_problem_is_named_with_what_mends_it_and_told_by_the_exit_code(gpt4all, monkeypatch):
    monkeypatch.setattr(engine, "probe", lambda: Build(fault="is not here"))
    found = gpt4all("doctor", "--model", "no-such-model")
    assert found.code == 1
    assert "problem  llama.cpp: is not here\n         pip install --force-reinstall" in found.out
    assert "problem  chat model: no model is called 'no-such-model'" in found.out
    assert found.err == "2 problems\n"


def test_a_wrong_setting_does_not_end_the_examination(gpt4all, monkeypatch):
    monkeypatch.setattr(engine, "probe", lambda: Build(FAST))
    monkeypatch.setenv("GPT4ALL_THREADS", "many")
    found = gpt4all("doctor")
    assert found.code == 1
    assert "problem  settings: the environment variable GPT4ALL_THREADS is 'many'" in found.out
    assert "threads: " in found.out


@pytest.mark.parametrize("name", ["vector_index", "workers"])
def test_a_setting_that_searches_and_syncs_refuse_is_a_problem(home, monkeypatch, name):
    monkeypatch.setenv(f"GPT4ALL_{name.upper()}", "pinecone")
    (found,) = kept_documents.findings_of_settings(resolve_settings())
    assert (found.level, found.remedy) == ("problem", f"unset GPT4ALL_{name.upper()}")
    assert "'pinecone'" in found.text


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "SIGILL: it was built for another"),
        ("raise OSError('libgomp.so.1 is missing')", "libgomp.so.1 is missing"),
    ],
)
def test_a_build_that_ends_its_process_is_a_finding(monkeypatch, tmp_path, program, fault):
    fake = tmp_path / "python"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{program}"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    assert fault in engine.probe().fault


def test_packages_are_judged_by_what_asks_for_them():
    found = judge(
        [
            "pytest>=1",
            "pydantic<1",
            "no-such-package",
            'also-missing; python_version < "3"',
            'rich; extra == "good"',
            'rich<1; extra == "old"',
            'missing-too>=2; extra == "absent"',
            'nothing; extra == "dev"',
        ]
    )
    told = [(finding.about, finding.level, finding.remedy) for finding in found]
    assert told == [
        ("packages", "problem", "pip install --upgrade 'pydantic<1'"),
        ("packages", "problem", "pip install --upgrade 'no-such-package'"),
        ("extra absent", "ok", "pip install 'gpt4all-adapters[absent]'"),
        ("extra good", "ok", ""),
        ("extra old", "advice", "pip install 'gpt4all-adapters[old]'"),
    ]


def test_a_card_that_is_used_is_well_and_one_that_is_not_is_advice(quiet, tmp_path):
    assert levels(engine.findings(Build(FAST, (CARD,)), Settings()))["accelerator"] == "ok"
    assert remedies(engine.findings(Build(FAST), Settings())) == {}
    quiet.setattr(engine, "_NVIDIA", tmp_path)
    advice = remedies(engine.findings(Build(FAST), Settings()))
    assert advice["accelerator"].startswith("CMAKE_ARGS=-DGGML_CUDA=on pip install")
    assert remedies(engine.findings(Build(FAST), Settings(device="cpu"))) == {}
    assert levels(engine.findings(Build(FAST), Settings(device="CUDA9")))["accelerator"] == "problem"


@pytest.mark.parametrize(
    ("has", "uses", "is_advice"), [("avx2", set(), 1), ("avx2", {"AVX2"}, 0), ("", set(), 0)]
)
def test_a_build_for_a_lesser_processor_is_advice(quiet, tmp_path, has, uses, is_advice):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags : fpu {has}\n")
    quiet.setattr(engine, "_PROCESSOR_FLAGS", tmp_path / "cpuinfo")
    advice = remedies(engine.findings(Build(frozenset(uses) | {"REPACK"}), Settings()))
    assert len(advice) == is_advice


@pytest.mark.parametrize(
    ("policy", "spin", "is_advice"),
    [("active", None, 1), ("passive", None, 1), ("passive", "300", 0), (None, None, 0)],
)
def test_how_threads_wait_is_judged_by_the_environment(quiet, policy, spin, is_advice):
    for name, value in (("OMP_WAIT_POLICY", policy), ("GOMP_SPINCOUNT", spin)):
        if value:
            quiet.setenv(name, value)
    assert len(remedies(engine.findings(Build(FAST), Settings()))) == is_advice


def test_more_threads_than_cores_are_advice_that_fits_to_where_they_are_set(quiet, home):
    settings = Settings(threads=4096)
    assert remedies(engine.findings(Build(FAST), settings)) == {"threads": "gpt4all config unset threads"}
    quiet.setenv("GPT4ALL_THREADS", "4096")
    assert remedies(engine.findings(Build(FAST), settings)) == {"threads": "unset GPT4ALL_THREADS"}


@pytest.mark.parametrize(
    ("gibibytes", "settings", "level"),
    [
        (64, {}, "ok"),
        (0.5, {}, "advice"),
        (0.1, {}, "problem"),
        (64, {"memory_budget": 1}, "problem"),
        (64, {"context_size": 1 << 20}, "problem"),
    ],
)
def test_memory_is_judged_against_the_model(home, monkeypatch, gibibytes, settings, level):
    monkeypatch.setattr(chosen_models, "memory_bytes", lambda: int(gibibytes * 2**30))
    found = list(chosen_models.findings("smollm2-135m-instruct", Settings(**settings), features=FAST))
    assert levels(found)["memory"] == level


def test_a_folder_that_cannot_be_written_to_is_a_problem(tmp_path):
    file = tmp_path / "file"
    file.touch()
    settings = Settings(home=file / "home")
    assert levels(places.findings(settings)) == {"folder home": "problem"}
    assert levels(places.findings(replace_home(settings, tmp_path / "new"))) != {"folder home": "problem"}


def replace_home(settings, home):
    return settings.model_copy(update={"home": home})


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_port_is_free_until_somebody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not serving.is_free(port)
    assert serving.is_free(port)


def test_the_port_of_the_server_is_looked_at_and_another_one_named(monkeypatch):
    assert inspect.signature(serve).parameters["port"].default == serving.PORT
    monkeypatch.setattr(serving, "is_free", lambda port: port != serving.PORT)
    server, page = serving.findings()
    assert (server.level, server.remedy) == ("ok", "gpt4all serve --port 4892")
    assert page.level == "ok"


def test_a_web_page_that_is_missing_is_a_problem(monkeypatch, tmp_path):
    monkeypatch.setattr(serving, "files", lambda package: tmp_path)
    assert levels(serving.findings())["web page"] == "problem"


def test_the_index_is_looked_at_from_its_first_page_to_its_last(gpt4all, leave):
    def found():
        (finding, *others) = kept_documents.findings()
        return finding, others

    assert found()[0].remedy == "gpt4all docs add FOLDER"
    gpt4all("docs", "add", leave)
    assert found()[0].remedy == "gpt4all docs sync"
    gpt4all("docs", "sync")
    assert (found()[0].level, found()[0].text) == ("ok", f"{default_index()}, 2 files, 2 passages")
    shutil.rmtree(leave)
    assert [other.remedy for other in found()[1]] == [f"gpt4all docs remove {leave}"]
    database = default_index() / "localdocs.sqlite"
    content = database.read_bytes()
    database.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    assert found()[0].level == "problem"


def test_files_that_cannot_be_read_are_counted(gpt4all, leave):
    (leave / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    gpt4all("docs", "add", leave)
    gpt4all("docs", "sync")
    (finding,) = kept_documents.findings()
    assert finding.level == "advice"
    assert finding.text.endswith("3 files, 2 passages; 1 cannot be read")


def test_a_home_that_cannot_be_written_to_is_put_elsewhere(monkeypatch, tmp_path, home):
    monkeypatch.delenv("GPT4ALL_HOME")
    monkeypatch.setattr("os.access", lambda *_arguments: False)
    (finding,) = places.findings(Settings(home=tmp_path))
    assert (finding.level, finding.remedy) == ("problem", "export GPT4ALL_HOME=FOLDER")
    monkeypatch.setenv("GPT4ALL_HOME", str(tmp_path))
    (finding,) = places.findings(Settings(home=tmp_path))
    assert finding.remedy == "unset GPT4ALL_HOME"
