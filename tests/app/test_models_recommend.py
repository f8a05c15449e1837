import pytest
import typer

from gpt4all_app.recommend import size_in_bytes
from gpt4all_core.measure_speed import MeasuredSpeed

GIB = 2**30


@pytest.fixture
def steady_machine(monkeypatch):
    """Measures the same on every run, and which types it was asked for."""
    asked = []

    def measure(kind, *, device):
        asked.append((kind, device))
        return MeasuredSpeed(kind, 40e9, 30e9, 44e9, layer_s=0.0, prompt_weights_per_s=400e9, threads=8)

    monkeypatch.setattr("gpt4all_core.recommendation.measure_speed", measure)
    return asked


def test_a_machine_is_told_what_to_run_and_how_fast_it_will_be(gpt4all, steady_machine):
    found = gpt4all("models", "recommend", "--memory", "8GB")
    assert (found.code, found.out.splitlines()[0]) == (0, "qwen3-4b")
    assert "  writes about 16 tokens/s (8.4 to 23), reads about 99 tokens/s\n" in found.out
    assert "get it with: gpt4all models pull qwen3-4b" in found.out
    assert "8.0 GiB (8.6 GB) of memory, no graphics card" in found.err
    assert len(steady_machine) <= 3
    assert {device for _, device in steady_machine} == {"cpu"}


def test_the_advice_is_written_as_json(gpt4all, steady_machine):
    found = gpt4all("models", "recommend", "--memory", "8GB", "--licence", "commercial", "--json").document
    assert found["machine"]["memory_bytes"] == 8 * GIB
    assert {choice["commercial_use"] for choice in found["choices"]} <= {"yes", "conditions"}
    best = found["choices"][0]
    assert best["speed"]["lowest"] < best["speed"]["tokens_per_s"] < best["speed"]["highest"]


def test_embedders_are_told_how_fast_they_read(gpt4all, steady_machine):
    found = gpt4all("models", "recommend", "--task", "embed", "--memory", "4GB")
    assert "tokens/s" in found.out
    assert "writes" not in found.out


def test_where_nothing_fits_the_numbers_say_why(gpt4all, steady_machine):
    found = gpt4all("models", "recommend", "--memory", "256MB")
    assert (found.code, found.out, steady_machine) == (3, "", [])
    assert "a model may take 188 MB of 268 MB" in found.err


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GB", 8 * GIB), ("8 GiB", 8 * GIB), ("1.5g", 3 * GIB // 2), ("512M", GIB // 2), ("100", 100)],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert size_in_bytes(text) == size


def test_what_is_no_size_is_refused_with_an_example():
    with pytest.raises(typer.BadParameter, match="write 8GB"):
        size_in_bytes("much")
