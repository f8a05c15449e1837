"""No damaged LoRA adapter ends the process: there is no trial for them, so the check has to do it all."""

import os
import random

import pytest
from adapter_writing import SOUND_PAIRS, adapter_bytes, adapter_metadata
from gguf_mutants import mutate
from gguf_parts import Parts
from gguf_seeds import EXPERTS, chat_seeds
from survivors import deaths

from gpt4all_core.catalog.gguf_adapter_check import check_adapter
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.errors import ModelLoadError

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "200")) // 2
SEED = os.environ.get("FUZZ_SEED", "0")

EXPERT_PAIRS = (
    ("blk.0.ffn_up_exps.weight.lora_a", (64, 4, EXPERTS), 0),
    ("blk.0.ffn_up_exps.weight.lora_b", (4, 96, EXPERTS), 0),
    *SOUND_PAIRS[:2],
)


@pytest.mark.parametrize(("model", "tensors"), [("plain", SOUND_PAIRS), ("experts", EXPERT_PAIRS)])
def test_no_mutant_of_an_adapter_ends_the_process(tmp_path, model, tensors):
    base = tmp_path / "base.gguf"
    base.write_bytes(dict(chat_seeds(tmp_path))[model].to_bytes())
    header = check_loadable(base)
    sound = tmp_path / "sound.gguf"
    sound.write_bytes(adapter_bytes(adapter_metadata(), tensors=tensors))
    parts = Parts.of(sound)
    passed = [sound]
    for number in range(MUTANTS):
        path = tmp_path / f"{SEED}-{number}-{model}-adapter.gguf"
        path.write_bytes(mutate(parts, random.Random(path.stem)))
        try:
            check_adapter(path, header)
            passed.append(path)
        except ModelLoadError:
            path.unlink()
    assert len(passed) > MUTANTS // 20
    assert not list(deaths(passed, mode="adapt"))
