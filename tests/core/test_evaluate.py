"""Runs of tasks: what is asked how often, what is kept when one is stopped, where the data come from."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gpt4all_core.engine.handle import Mailbox, Scoring
from gpt4all_core.errors import ConfigError, GenerationError
from gpt4all_core.evaluate.evaluate import IN_FLIGHT, evaluate
from gpt4all_core.evaluate.results_file import ResultsFile, Scored
from gpt4all_core.evaluate.tasks import TASKS
from gpt4all_core.types import Loglikelihood

REFERENCE = json.loads(Path(__file__).with_name("evaluation_reference.json").read_text(encoding="utf-8"))


class Scripted:
    """Scores pairs by what the reference has for them; notes what it was asked.

    fails_at: the call, counted from 0, that ends with an error; interrupts_at: that is interrupted.
    """

    def __init__(self, *, fails_at=None, interrupts_at=None, logprobs=lambda _pair: -1.0, dropped=0):
        self.asked = []
        self.cancelled = 0
        self._fails_at = fails_at
        self._interrupts_at = interrupts_at
        self._logprobs = logprobs
        self._dropped = dropped

    def loglikelihood(self, pairs, *, truncate=False):
        assert truncate
        number = len(self.asked)
        self.asked.append(pairs)
        if number == self._interrupts_at:
            raise KeyboardInterrupt
        mailbox = Mailbox(self._note_cancel)
        if number == self._fails_at:
            mailbox.finish(GenerationError("scripted"))
        else:
            mailbox.finish(
                tuple(
                    Loglikelihood((self._logprobs(pair),), is_greedy=False, truncated_tokens=self._dropped)
                    for pair in pairs
                )
            )
        return Scoring(mailbox)

    def _note_cancel(self):
        self.cancelled += 1


def reference_logprobs(shots):
    return {
        tuple(pair): logprob
        for task in REFERENCE["tasks"].values()
        for pairs, logprobs in zip(
            task["shots"][shots]["pairs"], task["shots"][shots]["logprobs"], strict=True
        )
        for pair, logprob in zip(pairs, logprobs, strict=True)
    }


@pytest.fixture
def data(tmp_path):
    """A folder with the lines of the reference."""
    folder = tmp_path / "data"
    for name, task in REFERENCE["tasks"].items():
        for split, lines in task["splits"].items():
            path = folder / name / f"{split}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


@pytest.fixture
def many(tmp_path):
    """A folder with a hundred questions of one task."""
    path = tmp_path / "many" / "piqa" / "validation.jsonl"
    path.parent.mkdir(parents=True)
    lines = [
        {"goal": f"goal {number}", "sol1": "a", "sol2": "bb", "label": number % 2} for number in range(100)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path.parents[1]


@pytest.mark.parametrize("shots", [0, 2])
def test_a_run_gives_the_harness_own_figures(data, shots):
    logprobs = reference_logprobs(str(shots))
    model = Scripted(logprobs=lambda pair: logprobs[tuple(pair)])
    evaluation = evaluate(model, list(TASKS), data=data, shots=shots)
    for result in evaluation.results:
        expected = REFERENCE["tasks"][result.task]["shots"][str(shots)]["metrics"]
        got = {name: (value.value, value.standard_error) for name, value in result.metrics.items()}
        assert got == {
            name: (pytest.approx(value["value"]), pytest.approx(value["standard_error"]))
            for name, value in expected.items()
        }
        assert result.paper_metric == ("acc_norm" if "acc_norm" in expected else "acc")
    assert evaluation.average == pytest.approx(
        sum(result.score.value for result in evaluation.results) / len(TASKS)
    )


def test_an_average_is_of_all_seven_tasks(data):
    assert evaluate(Scripted(), ["piqa", "boolq"], data=data).average is None


def test_all_choices_of_a_question_are_asked_in_one_call(data):
    model = Scripted()
    evaluate(model, ["hellaswag"], data=data)
    assert [len(pairs) for pairs in model.asked] == [4, 4]
    assert all(len({context for context, _ in pairs}) == 1 for pairs in model.asked)


def test_questions_that_begin_alike_are_asked_one_after_the_other(many):
    model = Scripted()
    evaluate(model, ["piqa"], data=many)
    contexts = [pairs[0][0] for pairs in model.asked]
    assert contexts == sorted(contexts)
    assert contexts[1] == "Question: goal 1\nAnswer:"
    assert contexts[2] == "Question: goal 10\nAnswer:"


def test_a_limit_takes_the_first_questions(many):
    model = Scripted()
    (result,) = evaluate(model, ["piqa"], data=many, limit=7).results
    assert result.questions == len(model.asked) == 7
    assert model.asked[0][0][0] == "Question: goal 0\nAnswer:"


def test_progress_is_told_question_by_question(many):
    told = []
    evaluate(Scripted(), ["piqa"], data=many, limit=3, on_progress=lambda *news: told.append(news))
    assert told == [("piqa", 1, 3), ("piqa", 2, 3), ("piqa", 3, 3)]


def test_questions_that_lost_their_beginning_are_counted(many):
    (result,) = evaluate(Scripted(dropped=5), ["piqa"], data=many, limit=4).results
    assert result.truncated == 4


def test_what_is_known_is_not_asked_again_and_more_may_follow(many, tmp_path):
    first, second = Scripted(), Scripted()
    kept = tmp_path / "kept"
    before = evaluate(first, ["piqa"], data=many, limit=60, results=kept)
    assert evaluate(second, ["piqa"], data=many, limit=60, results=kept) == before
    assert second.asked == []
    evaluate(second, ["piqa"], data=many, results=kept)
    assert len(second.asked) == 40


def test_other_examples_are_another_question(data, tmp_path):
    model = Scripted()
    for shots in (0, 1, 0):
        evaluate(model, ["piqa"], data=data, shots=shots, results=tmp_path / "kept")
    assert len(model.asked) == 6


@pytest.mark.parametrize("how", [{"interrupts_at": 50}, {"fails_at": 50}])
def test_a_run_that_is_stopped_keeps_every_question_that_was_done(many, tmp_path, how):
    stopped, second = Scripted(**how), Scripted()
    kept = tmp_path / "kept"
    with pytest.raises((KeyboardInterrupt, GenerationError)):
        evaluate(stopped, ["piqa"], data=many, results=kept)
    evaluate(second, ["piqa"], data=many, results=kept)
    done = [pairs for number, pairs in enumerate(stopped.asked) if number != 50]
    assert not [pairs for pairs in second.asked if pairs in done]
    assert len(second.asked) == 100 - len(done)


def test_a_run_that_fails_cancels_what_is_not_done(many):
    model = Scripted()
    handles = []

    def ask(pairs, *, truncate):
        model.asked.append(pairs)
        mailbox = Mailbox(model._note_cancel)
        if len(model.asked) == 1:
            mailbox.finish(GenerationError("the first"))
        handles.append(Scoring(mailbox))
        return handles[-1]

    with pytest.raises(GenerationError, match="the first"):
        evaluate(SimpleNamespace(loglikelihood=ask), ["piqa"], data=many)
    assert len(handles) == IN_FLIGHT + 1
    assert model.cancelled == IN_FLIGHT


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_that_was_torn_is_asked_again_and_spoils_no_other(many, tmp_path, cut):
    kept = tmp_path / "kept"
    evaluate(Scripted(), ["piqa"], data=many, limit=3, results=kept)
    (path,) = kept.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    second, third = Scripted(), Scripted()
    evaluate(second, ["piqa"], data=many, limit=3, results=kept)
    evaluate(third, ["piqa"], data=many, limit=3, results=kept)
    assert len(second.asked) == (0 if cut == 1 else 1)
    assert third.asked == []


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", '{"format": 99}', "\xff\xfe", '{"format": 1, "question": 1}']
)
def test_lines_of_others_are_left_alone(tmp_path, line):
    path = tmp_path / "kept.jsonl"
    path.write_text(line, encoding="latin-1")
    pairs, scored = [("a", "b")], Scored((-1.5,), (True,), 2)
    ResultsFile(path).add(pairs, scored)
    assert ResultsFile(path).find(pairs) == scored
    assert path.read_text(encoding="latin-1").startswith(line)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"limit": 0}, "limit=0"),
        ({"shots": -1}, "shots=-1"),
        ({"shots": 50}, "cannot be drawn"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_question(data, options, match):
    model = Scripted()
    with pytest.raises(ConfigError, match=match):
        evaluate(model, ["boolq", "piqa"], data=data, **options)
    assert model.asked == []


# The cache of the `datasets` library, by a stand-in that has the one function which is used.


@pytest.fixture
def cached(tmp_path, monkeypatch):
    def from_file(path):
        return json.loads(Path(path).read_text())

    cache = tmp_path / "cache"
    stand_in = SimpleNamespace(
        config=SimpleNamespace(HF_DATASETS_CACHE=str(cache)),
        Dataset=SimpleNamespace(from_file=from_file),
        __spec__=SimpleNamespace(),
    )
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    return cache


def _cache(cache, folder, name, lines):
    path = cache / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lines))


def test_data_come_from_the_cache_of_datasets_where_no_folder_is_named(cached):
    lines = REFERENCE["tasks"]["boolq"]["splits"]["validation"]
    _cache(cached, "aps___super_glue/boolq/0.0.0/abc", "super_glue-validation.arrow", lines)
    (result,) = evaluate(Scripted(), ["boolq"]).results
    assert result.questions == len(lines)


def test_a_cached_split_may_be_in_parts(cached):
    lines = REFERENCE["tasks"]["hellaswag"]["splits"]["validation"]
    for number, line in enumerate(lines):
        name = f"hellaswag-validation-{number:05}-of-{len(lines):05}.arrow"
        _cache(cached, "Rowan___hellaswag/default/0.0.0/abc", name, [line])
    model = Scripted()
    evaluate(model, ["hellaswag"])
    assert len(model.asked) == len(lines)


def test_a_cache_without_the_data_names_the_call_that_fetches_them(cached):
    with pytest.raises(ConfigError, match=r"load_dataset\('allenai/winogrande', 'winogrande_xl'\)"):
        evaluate(Scripted(), ["winogrande"])


def test_without_a_folder_and_the_library_both_ways_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"piqa/validation\.jsonl .*install the datasets library"):
        evaluate(Scripted(), ["piqa"])
