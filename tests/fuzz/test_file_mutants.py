"""No damaged document ends the process that reads it, takes long, or raises what nobody expects.

Through the child process and by name, as a sync reads: what `test_document_mutants` does to one loader at a
time. A mutant is the same for the same seed and number, so its name in a failure is enough to have it again.
"""

import os
import random
from pathlib import Path

from file_mutants import damage, sample_documents, small_documents

from gpt4all_core.errors import UnreadableDocument
from gpt4all_localdocs.loaders.process import LoaderProcess

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "60"))
SEED = os.environ.get("FUZZ_SEED", "0")
SAMPLES = Path(__file__).parents[2].parent / "shared" / "data" / "documents"
UNEXPECTED = ("the parser failed", "the parser crashed", "took longer", "needs more memory", "its loader")


def outcome(loaders: LoaderProcess, path: Path) -> str:
    """The reason why there is no document, or an empty string."""
    try:
        document = loaders.load(path, timeout_s=20)
    except UnreadableDocument as error:
        return error.reason
    ends = [0, *(part.end for part in document.parts)]
    are_in_order = all(end <= part.start <= part.end for end, part in zip(ends, document.parts, strict=False))
    starts = [heading.start for heading in document.headings]
    are_inside = all(0 <= start <= len(document.text) for start in [*starts, *ends])
    is_true = are_in_order and are_inside and starts == sorted(starts) and document.text.strip()
    return "" if is_true else "the parser failed to say true places"


def test_the_documents_are_sound_before_they_are_damaged(tmp_path):
    with LoaderProcess() as loaders:
        for name, content in small_documents().items():
            path = tmp_path / name
            path.write_bytes(content)
            assert outcome(loaders, path) == ""


def test_no_mutant_of_a_file_ends_the_process_or_takes_long(tmp_path):
    documents = {**small_documents(), **sample_documents(SAMPLES)}
    names = sorted(documents)
    random.Random(SEED).shuffle(names)
    outcomes = {}
    with LoaderProcess() as loaders:
        for number in range(MUTANTS):
            name = names[number % len(names)]
            path = tmp_path / f"{SEED}-{number}-{name}"
            path.write_bytes(damage(documents[name], random.Random(path.name)))
            outcomes[path.name] = outcome(loaders, path)
            path.unlink()
    assert not {name: reason for name, reason in outcomes.items() if reason.startswith(UNEXPECTED)}
    refused = sum(bool(reason) for reason in outcomes.values())
    assert 0 < refused < MUTANTS  # some still say something, and some do not
