"""No damaged model file ends the process: what the check lets through is really loaded and decoded.

`FUZZ_MUTANTS` sets how many there are, `FUZZ_SEED` which; `make fuzz` makes some thousands. A mutant
is the same for the same seed and number, so the name of a file in a failure is enough to have it again.
"""

import os
import random

import pytest
from gguf_mutants import mutate
from gguf_parts import Parts
from gguf_seeds import bert_seed, chat_seeds
from survivors import deaths

from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_header import GGUFArray
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.errors import ModelLoadError
from gpt4all_core.trial import Trials

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "200"))
SEED = os.environ.get("FUZZ_SEED", "0")
LARGE = ("smollm2-135m-instruct", "all-minilm-l6-v2")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return {**dict(chat_seeds(tmp_path_factory.mktemp("seeds"))), "bert": bert_seed()}


def passes(path):
    """Whether the check lets a file through; everything that is read of it is read."""
    try:
        header = check_loadable(path)
    except ModelLoadError:
        return False
    _ = (header.quantisation, header.parameter_count, header.pooling, header.cell_bytes)
    for value in header.metadata.values():
        if isinstance(value, GGUFArray):
            value.values()
    return True


def passes_the_trial(path):
    try:
        Trials().require(path)
    except ModelLoadError:
        return False
    return True


def check_that_only_the_trial_meets(found):
    """What ended a process of the test ends that of a trial, and so never that of a user."""
    assert [death for death in found if passes_the_trial(death.path)] == []


def test_sound_seeds_are_loaded_and_answer(seeds, tmp_path):
    paths = {name: tmp_path / f"{name}.gguf" for name in seeds}
    for name, path in paths.items():
        path.write_bytes(seeds[name].to_bytes())
        assert passes(path), name
    bert = paths.pop("bert")
    assert not [*deaths(paths.values(), mode="chat"), *deaths([bert], mode="embed")]


def test_no_mutant_of_a_small_model_ends_the_process(seeds, tmp_path):
    names = sorted(seeds)
    passed = {"chat": [], "embed": []}
    for number in range(MUTANTS):
        name = names[number % len(names)]
        path = tmp_path / f"{SEED}-{number}-{name}.gguf"
        path.write_bytes(mutate(seeds[name], random.Random(path.stem)))
        if passes(path):
            passed["embed" if name == "bert" else "chat"].append(path)
        else:
            path.unlink()
    assert len(passed["chat"]) > MUTANTS // 10
    found = [death for mode, paths in passed.items() for death in deaths(paths, mode=mode)]
    assert len(found) <= max(MUTANTS // 200, 1), found  # else the check has a hole
    check_that_only_the_trial_meets(found)


@pytest.mark.parametrize("name", LARGE)
def test_no_mutant_of_a_real_header_does_either(tmp_path, name):
    """The header of a real model before weights of nothing but zeros."""
    model = installed_path(find(name))
    parts = Parts.of(model)
    parts.body = b""
    size = model.stat().st_size
    passed = []
    for number in range(MUTANTS // 20):
        chance = random.Random(f"{SEED}-{number}-{name}")
        path = tmp_path / f"{SEED}-{number}-{name}.gguf"
        content = mutate(parts, chance)
        with path.open("wb") as file:
            file.write(content[: size // 2].rstrip(b"\0"))
            file.truncate(size if chance.random() < 0.9 else chance.randrange(size))  # with holes
        if passes(path):
            passed.append(path)
        else:
            path.unlink()
    mode = "embed" if "minilm" in name else "chat"
    check_that_only_the_trial_meets(list(deaths(passed[: MUTANTS // 50], mode=mode)))


@pytest.mark.parametrize("name", LARGE)
def test_a_file_cut_short_anywhere_is_refused(tmp_path, name):
    model = installed_path(find(name))
    data = read_header(model).data_offset
    content = model.read_bytes()
    path = tmp_path / "short.gguf"
    chance = random.Random(f"{SEED}-{name}")
    for _ in range(MUTANTS // 10):
        path.write_bytes(content[: chance.randrange(chance.choice((4, 512, data, data + 100_000)))])
        assert not passes(path)
