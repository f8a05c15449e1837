"""LoRA adapters by request, on tiny models whose words mean nothing and change with every adapter."""

import threading
from pathlib import Path

import numpy as np
import pytest
from adapter_writing import pair, write_adapter
from tiny_models import write_tiny_model

from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError
from gpt4all_core.isolated.engine import start_isolated
from gpt4all_core.model_pool import pool
from gpt4all_core.open_adapter import KEPT_ADAPTERS
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.types import Adapter, GenerationParams

OPTIONS = EngineOptions(context_size=256, threads=1, parallel=4)
PROMPT = list(range(10, 60))
LENGTH = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, two adapters for it, and one for another model."""
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "model": write_tiny_model(folder / "model.gguf", "plain"),
        "all": write_adapter(folder / "all.gguf"),
        "head": write_adapter(folder / "head.gguf", tensors=tuple(pair("output.weight", (64, 260)))),
        "stranger": write_adapter(
            folder / "stranger.gguf", tensors=tuple(pair("blk.0.attn_q.weight", (32, 32)))
        ),
    }


@pytest.fixture
def engine(files):
    engine = start_engine(files["model"], OPTIONS)
    yield engine
    engine.close()


def params(*adapters, **options):
    # The end is barred, so that all texts have the same length.
    return GenerationParams(
        temperature=0, max_tokens=LENGTH, logit_bias={2: -1e9}, adapters=tuple(adapters), **options
    )


def ask(engine, *adapters, prompt=PROMPT):
    return engine.submit(prompt, params(*adapters), constraint=None, timeout_s=None, keep_alive=None)


def kinds(files):
    """Sets of adapters that all give other texts."""
    every, head = Adapter(files["all"]), Adapter(files["head"])
    return [(), (every,), (head,), (every, head), (Adapter(files["all"], 0.5),), (Adapter(files["all"], -1),)]


def texts_alone(files):
    texts = []
    for adapters in kinds(files):
        engine = start_engine(files["model"], OPTIONS)
        texts.append(ask(engine, *adapters).result(60).text)
        engine.close()
    return texts


@pytest.fixture(scope="module")
def alone(files):
    return texts_alone(files)


def test_each_set_of_adapters_gives_a_text_of_its_own(alone):
    assert len(set(alone)) == len(alone)


def test_interleaved_each_gives_what_it_gives_alone(engine, files, alone):
    for _ in range(2):
        assert [ask(engine, *adapters).result(60).text for adapters in kinds(files)] == alone
    assert [ask(engine, *adapters).result(60).usage.cached_tokens for adapters in kinds(files)] == [
        len(PROMPT) - 1
    ] * len(alone)


def test_at_once_each_gives_what_it_gives_alone(engine, files, alone):
    together = [*kinds(files), *reversed(kinds(files))]
    handles = [ask(engine, *adapters) for adapters in together]
    assert [handle.result(60).text for handle in handles] == [*alone, *reversed(alone)]
    engine.engine.check_integrity()


def test_the_order_they_are_given_in_and_those_of_strength_zero_make_no_difference(engine, files, alone):
    every, head = Adapter(files["all"]), Adapter(files["head"])
    assert ask(engine, head, every).result(60).text == alone[3]
    again = ask(engine, every, head).result(60)
    assert (again.text, again.usage.cached_tokens) == (alone[3], len(PROMPT) - 1)
    assert ask(engine, Adapter(files["head"], 0.0)).result(60).text == alone[0]


def test_a_file_that_does_not_fit_is_refused_while_others_go_on(engine, files, alone, tmp_path):
    others = [ask(engine, *adapters) for adapters in kinds(files)]
    with pytest.raises(ModelLoadError, match=r"stranger\.gguf"):
        ask(engine, Adapter(files["all"]), Adapter(files["stranger"]))
    with pytest.raises(ModelLoadError, match=r"model\.gguf.*not an adapter"):
        ask(engine, Adapter(files["model"]))
    with pytest.raises(ModelLoadError, match=r"lost\.gguf: cannot be read"):
        ask(engine, Adapter(tmp_path / "lost.gguf"))
    with pytest.raises(ConfigError, match="given twice"):
        ask(engine, Adapter(files["all"]), Adapter(files["all"], 0.5))
    with pytest.raises(ConfigError, match="adapters"):
        ask(engine, Adapter(files["all"], float("nan")))
    assert [handle.result(60).text for handle in others] == alone


def test_a_file_that_was_replaced_is_read_again(engine, files, tmp_path, alone):
    path = tmp_path / "changing.gguf"
    path.write_bytes(files["all"].read_bytes())
    assert ask(engine, Adapter(path)).result(60).text == alone[1]
    path.unlink()
    path.write_bytes(files["head"].read_bytes())
    assert ask(engine, Adapter(path)).result(60).text == alone[2]


def open_adapters():
    return sum(key[0] == "adapter" for key in pool._entries)


def test_engines_on_the_same_weights_share_them_and_the_last_frees_them(files, alone):
    first, second = start_engine(files["model"], OPTIONS), start_engine(files["model"], OPTIONS)
    assert ask(first, Adapter(files["all"])).result(60).text == alone[1]
    assert ask(second, Adapter(files["all"])).result(60).text == alone[1]
    assert open_adapters() == 1
    first.close()
    assert ask(second, Adapter(files["all"])).result(60).text == alone[1]
    second.close()
    assert open_adapters() == 0
    with pytest.raises(EngineClosed):
        ask(second, Adapter(files["all"]))
    assert open_adapters() == 0


def test_equal_strengths_are_equal_however_they_are_written(engine, files):
    sets = [engine.adapters.use([Adapter(files["all"], strength)]) for strength in (1, 1.0, np.float32(1))]
    for use in sets:
        use.end()
    assert len({use.set for use in sets}) == 1


def test_of_many_adapters_only_the_last_ones_used_stay_loaded(engine, files, tmp_path, alone):
    paths = []
    for number in range(KEPT_ADAPTERS + 4):
        path = tmp_path / f"{number}.gguf"
        path.write_bytes(files["all"].read_bytes())
        paths.append(path)
    for path in [*paths, *paths[:3]]:
        assert ask(engine, Adapter(path)).result(60).text == alone[1]
    ask(engine).result(60)  # the last one applied is applied no more
    assert open_adapters() <= KEPT_ADAPTERS


def test_threads_that_load_and_ask_at_once_do_not_disturb_each_other(engine, files, tmp_path, alone):
    failures = []

    def many(number):
        path = tmp_path / f"own {number}.gguf"
        path.write_bytes(files["head"].read_bytes())
        for adapters, text in [*zip(kinds(files), alone, strict=True), ((Adapter(path),), alone[2])] * 2:
            if ask(engine, *adapters).result(60).text != text:
                failures.append(adapters)

    threads = [threading.Thread(target=many, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_conversation_goes_on_after_a_restart_with_the_same_adapters_only(files, tmp_path):
    options = EngineOptions(context_size=256, threads=1, parallel=4, cache_dir=tmp_path)

    def cached(*adapters):
        engine = start_engine(files["model"], options)
        usage = ask(engine, *adapters).result(60).usage
        engine.close()
        return usage.cached_tokens

    every = Adapter(files["all"])
    assert [cached(every), cached(), cached(every), cached(Adapter(files["all"], 0.5))] == [0, 0, 49, 0]


def test_a_model_in_a_child_process_takes_them_too(files, alone, monkeypatch):
    engine = start_isolated(files["model"], EngineOptions(256, threads=1, parallel=4, isolate=True))
    try:
        handles = [ask(engine, *adapters) for adapters in kinds(files)]
        assert [handle.result(60).text for handle in handles] == alone
        with pytest.raises(ModelLoadError, match=r"stranger\.gguf"):
            ask(engine, Adapter(files["stranger"]))
        monkeypatch.chdir(files["all"].parent)  # the child was started elsewhere
        assert ask(engine, Adapter(Path("all.gguf"))).result(60).text == alone[1]
    finally:
        engine.close()


def test_guesses_are_checked_with_the_adapters_that_the_text_is_computed_with(files):
    repeating = list(range(10, 40)) * 3
    adapters = (Adapter(files["all"]),)
    texts = set()
    for lookup in (True, False):
        engine = start_engine(files["model"], OPTIONS)
        asked = params(*adapters, prompt_lookup=lookup)
        handle = engine.submit(repeating, asked, constraint=None, timeout_s=None, keep_alive=None)
        texts.add(handle.result(60).text)
        engine.close()
    assert len(texts) == 1
