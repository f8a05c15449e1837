"""No damaged chat template ends the process, takes long, or raises what nobody expects.

A mutant is the same for the same seed and number, so the name of a file in a failure is enough to
have it again.
"""

import os
import random

import chat_templates
from chat_templates import REAL_TEMPLATES
from survivors import Death, fates
from text_mutants import mutate_template

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "60"))
SEED = os.environ.get("FUZZ_SEED", "0")
SMALL = {
    name.lower(): text for name, text in vars(chat_templates).items() if name.isupper() and "{%" in str(text)
}


def seeds():
    real = {path.stem: path.read_text("utf-8") for path in sorted(REAL_TEMPLATES.glob("*.jinja"))}
    return {**SMALL, **real}


def written(folder, sources):
    for number in range(MUTANTS):
        name = sorted(sources)[number % len(sources)]
        path = folder / f"{SEED}-{number}-{name}.jinja"
        mutant = mutate_template(sources[name], random.Random(path.stem))
        path.write_bytes(mutant.encode("utf-8", "replace"))
        yield path


def test_sound_templates_are_read(tmp_path):
    for name, source in SMALL.items():
        (tmp_path / f"{name}.jinja").write_text(source, "utf-8")
    found = list(fates(sorted(tmp_path.iterdir()), mode="template"))
    assert len(found) == len(SMALL) > 5
    assert not [fate for fate in found if isinstance(fate, Death)]


def test_no_mutant_of_a_template_ends_the_process_or_takes_long(tmp_path):
    found = list(fates(written(tmp_path, seeds()), mode="template"))
    assert len(found) == MUTANTS
    assert not [fate for fate in found if isinstance(fate, Death)]
    refused = sum("Error" in fate.outcome for fate in found)
    assert MUTANTS // 20 < refused < MUTANTS * 19 // 20  # some still say something, and some do not
