"""Memory that is given back when a model is closed, or was idle for its time; measured, not reckoned."""

import json
import subprocess
import sys

import pytest

from gpt4all_core.catalog.machine import resident_memory

pytestmark = pytest.mark.skipif(
    resident_memory() is None, reason="this system does not tell what is resident"
)

MIB = 2**20
PROGRAM = """
import json, sys, time
import llguidance
import gpt4all_core.engine.llama.weights
from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.catalog.machine import resident_memory
from gpt4all_core.model_pool import pool

PARAMS = GenerationParams(max_tokens=4, temperature=0)
seen = []

def look():
    memory = resident_memory()
    seen.append([memory.own, memory.file])

def use(model, cancel):
    asked = [Message("user", "word " * 80)]
    handles = [model.chat([*asked, Message("user", str(number))], PARAMS) for number in range(3)]
    for handle in handles:
        handle.cancel() if cancel else handle.result()

def options(**more):
    return {"context_size": 512, "threads": 1, **more}

look()
"""
CLOSED = """
for cancel in (False, True, False):
    with LocalModel("smollm2-135m-instruct", **options()) as model:
        use(model, cancel)
        look()
    look()
print(json.dumps(seen))
"""
IDLE = """
model = LocalModel("smollm2-135m-instruct", **options(idle_ttl_s=0.3))
for _ in range(2):
    use(model, False)
    look()
    while pool.open_count or pool._reaper.is_running:  # it ends when what it closed is freed
        time.sleep(0.02)
    look()
print(json.dumps(seen))
"""


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return [(own / MIB, file / MIB) for own, file in json.loads(done.stdout)]


@pytest.mark.parametrize("program", [CLOSED, IDLE], ids=["closed", "idle"])
def test_what_a_model_took_is_returned_to_the_system(program):
    before, *rest = run(program)
    used, after = rest[::2], rest[1::2]
    assert min(own for own, _ in used) > before[0] + 30, "cells and buffers"
    assert min(file for _, file in used) > before[1] + 100, "weights"
    # The first use brings modules and tables of the interpreter that stay.
    assert max(own for own, _ in after) < before[0] + 15
    assert max(file for _, file in after) < before[1] + 15
    # Afterwards nothing grows.
    assert max(own for own, _ in after) - after[0][0] < 5
    assert max(file for _, file in after) - after[0][1] < 5
