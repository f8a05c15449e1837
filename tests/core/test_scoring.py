"""Texts scored by an engine on a scripted backend: what is decoded, what is read, who comes first."""

import math
import random
import threading

import pytest
from engine_workbench import GREEDY, ask, check_accounts, running

from gpt4all_core.engine.backend import AdapterSet
from gpt4all_core.engine.score_tree import ScoredText, ScoreTree
from gpt4all_core.errors import ConfigError, ContextOverflow, EngineClosed, GenerationCancelled
from gpt4all_core.testing import ScriptedBackend, babble, follow

CERTAINTY = 3.0
LIKELY = CERTAINTY - math.log(256 + math.exp(CERTAINTY))
OTHER = -math.log(256 + math.exp(CERTAINTY))


def text(context, continuation):
    return ScoredText(tuple(f"{context}{continuation}".encode()), len(context.encode()))


def choices(context, *continuations):
    return [text(context, continuation) for continuation in continuations]


def plain(scored, *, adapters=""):
    """What a decode of one text alone gives, by the script itself."""
    follows = [scored.tokens[place] == babble(scored.tokens[:place]) for place in range(len(scored.tokens))]
    return [LIKELY if is_next else OTHER for is_next in follows[scored.start :]]


def check(scores, texts):
    assert len(scores) == len(texts)
    for score, scored in zip(scores, texts, strict=True):
        assert score.token_logprobs == pytest.approx(plain(scored), abs=1e-6)
        assert score.logprob == pytest.approx(sum(plain(scored)), abs=1e-5)
        assert score.is_greedy == all(logprob > OTHER for logprob in plain(scored))


def backend(**options):
    return ScriptedBackend(certainty=CERTAINTY, **options)


def written(context, length):
    """What `babble` writes after a context: a continuation that is greedy all the way."""
    tokens = list(context.encode())
    for _ in range(length):
        tokens.append(babble(tuple(tokens)))
    return bytes(tokens[len(context.encode()) :]).decode()


CASES = {
    "one text": choices("a context", " and its end"),
    "four endings": choices("how it began", " one", " another way", " at last", " ok"),
    "endings that begin alike": choices("so", " the cat sat", " the cat ran", " the dog ran", " the"),
    "one token each": choices("is it so?", "y", "n"),
    "equal texts": choices("twice", " the same", " the same"),
    "one the beginning of another": choices("x", "a", "ab", "abc", "abcd"),
    "the same end of other contexts": [text("the trophy", " is big"), text("the suitcase", " is big")],
    "other places to begin": [text("abc", "defgh"), text("a", "bcdefgh"), text("abcdef", "gh")],
    "nothing in common": [text("one", " two"), text("three", " four"), text("five", " six")],
    "the first apart from others": choices("so", " and on", written("so", 8), written("so", 6) + "!"),
    "what the model writes": choices("go on", written("go on", 7), written("go on", 3) + "!", "!"),
}


@pytest.mark.parametrize("texts", CASES.values(), ids=CASES)
@pytest.mark.parametrize("can_truncate", [True, False])
def test_scores_are_those_of_one_text_alone(texts, can_truncate):
    scripted = backend(can_truncate=can_truncate)
    with running(scripted) as engine:
        check(engine.score(texts).result(), texts)
        check_accounts(engine, scripted)


@pytest.mark.parametrize("texts", CASES.values(), ids=CASES)
def test_every_beginning_is_decoded_once(texts):
    inner = {scored.tokens[:length] for scored in texts for length in range(1, len(scored.tokens))}
    with running(backend()) as engine:
        engine.score(texts).result()
        assert engine.counters.decoded_tokens == len(inner)


def test_greedy_is_said_of_greedy_continuations_alone():
    with running(backend()) as engine:
        scores = engine.score(CASES["what the model writes"]).result()
    assert [score.is_greedy for score in scores] == [True, False, False]


def test_only_the_rows_before_scored_tokens_are_asked_for():
    scripted = backend()
    with running(scripted) as engine:
        engine.score(choices("a context of some length", " yes", " no")).result()
    wanted = sum(int(batch.wants_logits.sum()) for batch in scripted.batches)
    assert wanted == len({" ", " y", " ye", " n"} | {""})


def test_a_crowd_of_requests_is_decoded_together_and_scored_alike():
    scripted = backend(cells=400, sequences=6, batch_tokens=48)
    source = random.Random(5)
    requests = [
        choices(f"{source.choice(['a shared beginning of forty characters or so', 'b'])} {number}", *ends)
        for number in range(24)
        for ends in [[" " + "ab" * source.randint(1, 6) for _ in range(3)]]
    ]
    with running(scripted) as engine:
        handles = [engine.score(texts) for texts in requests]
        for handle, texts in zip(handles, requests, strict=True):
            check(handle.result(), texts)
        assert engine.counters.widest_batch == 4  # a quarter of the sequences is left to others
        check_accounts(engine, scripted)


@pytest.mark.parametrize("prefix", ["shots: " + "q a " * 10, "Question: "])
def test_a_beginning_that_requests_share_is_decoded_once_for_all(prefix):
    requests = [choices(f"{prefix}{number}?", " yes", " no") for number in range(9)]
    gate = threading.Event()
    with running(backend(gate=gate)) as engine:
        handles = [engine.score(texts) for texts in requests]
        gate.set()
        for handle, texts in zip(handles, requests, strict=True):
            check(handle.result(), texts)
        assert engine.counters.prompt_tokens <= len(prefix) + 9 * len("0? yes no")


def test_scored_texts_leave_nothing_behind():
    scripted = backend()
    with running(scripted) as engine:
        engine.score(choices("a text that nobody goes on with, forty characters long", " a", " b")).result()
        check_accounts(engine, scripted)
        assert scripted.used_cells == 0


def test_a_text_that_somebody_waits_for_comes_first():
    gate = threading.Event()
    scripted = backend(sequences=1, gate=gate)
    ended = []
    with running(scripted) as engine:
        first = engine.score(choices("the first", " is", " was"), on_end=lambda: ended.append("first"))
        assert scripted.decode_started.wait(30)
        second = engine.score(choices("the second", " is", " was"), on_end=lambda: ended.append("second"))
        chat = ask(engine, "a chat", on_end=lambda: ended.append("chat"))
        gate.set()
        for handle in (first, second, chat):
            handle.result()
    assert ended == ["first", "chat", "second"]


def test_texts_beside_scores_are_what_they_are_alone():
    scripted = ScriptedBackend(follow({"go": "abcdefgh" * 4, "x": ""}), certainty=CERTAINTY)
    with running(scripted) as engine:
        handles = [engine.score(choices("x", "yz", "zzzz")) for _ in range(6)]
        assert ask(engine, "go", GREEDY).result().text == "abcdefgh" * 4
        for handle in handles:
            handle.result()
        check_accounts(engine, scripted)


def test_a_cancelled_request_ends_before_its_next_step_and_frees_its_cells():
    gate = threading.Event()
    scripted = backend(gate=gate, batch_tokens=8)
    with running(scripted) as engine:
        handle = engine.score(choices("a" * 60, *(letter * 20 for letter in "bcd")))
        assert scripted.decode_started.wait(30)
        handle.cancel()
        gate.set()
        with pytest.raises(GenerationCancelled):
            handle.result()
        check_accounts(engine, scripted)
        assert engine.counters.decoded_tokens <= 8
        assert scripted.used_cells == 0


async def test_scores_are_awaited_too():
    texts = choices("in an event loop", " a", " b")
    with running(backend()) as engine:
        check(await engine.score(texts).aresult(), texts)


@pytest.mark.parametrize("refused", [{2}, {3}, {4}])
def test_when_cells_are_short_scores_give_way_and_come_out_right(refused):
    gate = threading.Event()
    scripted = backend(batch_tokens=16, refuses_at=refused, gate=gate)
    texts = choices("a" * 20, "bcd" * 5, "bcde" * 5, "e")
    with running(scripted) as engine:
        scored, chat = engine.score(texts), ask(engine, "Q" * 40)
        gate.set()
        check(scored.result(), texts)
        chat.cancel()
        assert engine.counters.preemptions == 1
        decoded = [token for batch in scripted.batches for token in batch.tokens]
        assert decoded.count(ord("Q")) == 40  # it was not the text that had to start over
        check_accounts(engine, scripted)


def test_a_failed_decode_fails_the_request_and_not_the_next():
    with running(backend(fails_at={1})) as engine:
        texts = choices("once", " more")
        with pytest.raises(Exception, match="scripted failure"):
            engine.score(texts).result()
        check(engine.score(texts).result(), texts)


def test_cells_of_other_adapters_are_not_shared():
    context = "under adapters, forty characters and more"
    texts = choices(context, written(context, 3), " b")
    with running(backend(adapted={"style": lambda _tokens: 0})) as engine:
        plainly, styled = engine.score(texts), engine.score(texts, adapters=AdapterSet("style"))
        check(plainly.result(), texts)
        logprobs = [logprob for score in styled.result() for logprob in score.token_logprobs]
        assert logprobs == pytest.approx([OTHER] * len(logprobs))


@pytest.mark.parametrize(
    ("texts", "error", "match"),
    [
        ([], ConfigError, "at least one"),
        ([ScoredText((1, 2), 0)], ConfigError, "before what is scored"),
        ([ScoredText((1, 2), 2)], ConfigError, "one in it"),
        ([ScoredText((1, 999), 1)], ConfigError, "vocabulary of 257"),
        ([ScoredText((1,) * 130, 1)], ContextOverflow, "129 tokens"),
    ],
)
def test_what_cannot_be_scored_is_refused_at_once(texts, error, match):
    with running(backend()) as engine, pytest.raises(error, match=match):
        engine.score(texts)


def test_a_text_may_be_one_token_longer_than_the_context():
    with running(backend()) as engine:
        assert len(engine.score([ScoredText((1,) * 129, 127)]).result()[0].token_logprobs) == 2


def test_a_closed_engine_scores_nothing():
    with running(backend()) as engine:
        pass
    with pytest.raises(EngineClosed):
        engine.score(choices("too", " late"))


def test_a_tree_is_walked_without_going_back():
    tree = ScoreTree(choices("ab", "xyz", "q", "xyw", "xyz"))
    assert bytes(tree.tokens) == b"ab"
    assert tree.next_row == 1
    assert list(tree.wanted(0, 2)) == [False, True]
