from types import SimpleNamespace

import pytest
from adapter_writing import write_adapter
from tiny_models import write_tiny_model

TEXT = "The sea covers the rock twice a day. " * 40


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """What is made of it needs no child process to find out whether it can be opened."""
    monkeypatch.setattr("gpt4all_core.model_loss.trials", SimpleNamespace(require=lambda _path: None))
    return write_tiny_model(tmp_path / "tiny.gguf", "plain")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_model_is_made_smaller_and_its_loss_is_told(gpt4all, tiny, text, tmp_path):
    output = tmp_path / "small.gguf"
    done = gpt4all("models", "quantize", tiny, "--to", "q4_0", "--output", output, "--text", text, "--json")
    document = done.document
    assert (document["output"], document["type"]) == (str(output), "Q4_0")
    assert document["size_bytes"] == output.stat().st_size < tiny.stat().st_size / 2
    assert abs(document["forecast"]["size_bytes"] - document["size_bytes"]) <= 128
    loss = document["loss"]
    assert loss["source"]["windows"] == 2
    assert 0 < loss["kl_mean"] < loss["kl_99"]
    assert document["not_measured"] is None
    assert "tensors have rows that their type's blocks do not divide" in done.err

    again = gpt4all("models", "quantize", tiny, "--to", "Q8_0", "--output", output, "--no-measure")
    assert (again.code, output.stat().st_size) == (2, document["size_bytes"])
    assert "--force writes over it" in again.err
    forced = gpt4all(
        "models", "quantize", tiny, "--to", "Q8_0", "--output", output, "--text", text, "--force"
    )
    assert "Q8_0, " in forced.out
    assert "have the same likeliest one" in forced.out
    assert output.stat().st_size > document["size_bytes"]


def test_a_dry_run_writes_nothing(gpt4all, tiny, tmp_path):
    done = gpt4all("models", "quantize", tiny, "--to", "IQ1_S", "--dry-run")
    assert "bits a weight" in done.out
    document = gpt4all("models", "quantize", tiny, "--to", "F16", "--dry-run", "--json").document
    assert document["forecast"]["weights"].keys() == {"F16", "F32"}
    missing = gpt4all("models", "quantize", tiny, "--to", "F16")
    assert (missing.code, "--output FILE is missing" in missing.err) == (2, True)
    assert {path.name for path in tmp_path.glob("*.gguf")} == {"tiny.gguf"}


def test_an_embedder_is_made_smaller_without_a_perplexity(gpt4all, tmp_path):
    output = tmp_path / "small.gguf"
    done = gpt4all("models", "quantize", "all-minilm-l6-v2", "--to", "Q4_0", "--output", output, "--json")
    assert (done.code, done.document["loss"]) == (0, None)
    assert "foretells no next token" in done.document["not_measured"]
    assert "is quantised already (Q8_0)" in done.err


def test_perplexity_alone(gpt4all, tiny, text):
    found = gpt4all("models", "perplexity", tiny, "--text", text, "--json").document
    assert found["scored_tokens"] == 2 * 255
    shown = gpt4all("models", "perplexity", tiny, "--text", text).out
    assert f"{found['value']:.3f} ± " in shown
    assert "2 windows of 512 tokens, 510 of them scored" in shown


def test_a_text_that_is_not_there_is_noticed_before_anything_is_written(gpt4all, tiny, tmp_path):
    output = tmp_path / "small.gguf"
    done = gpt4all("models", "quantize", tiny, "--to", "Q8_0", "--output", output, "--text", "nowhere.txt")
    assert (done.code, output.exists()) == (2, False)
    assert "--text nowhere.txt: there is no such file" in done.err


def test_a_folder_is_no_output_whatever_is_forced(gpt4all, tiny, tmp_path):
    done = gpt4all("models", "quantize", tiny, "--to", "Q8_0", "--output", tmp_path, "--force")
    assert done.code == 2
    assert f"--output {tmp_path} is a folder" in done.err


def test_adapters_are_listed(gpt4all):
    folder = gpt4all.home / "adapters"
    assert f"adapters are looked for in {folder}" in gpt4all("models", "adapters").err
    folder.mkdir()
    write_adapter(folder / "style.gguf")
    (adapter,) = gpt4all("models", "adapters", "--json").document["adapters"]
    assert (adapter["name"], adapter["path"]) == ("style", str(folder / "style.gguf"))
    assert "style  llama" in gpt4all("models", "adapters").out
    (folder / "page.gguf").write_bytes(b"<html>sorry</html>")
    assert f"left out: {folder / 'page.gguf'} is an HTML page" in gpt4all("models", "adapters").err
    (fault,) = gpt4all("models", "adapters", "--json").document["faults"]
    assert "HTML" in fault
