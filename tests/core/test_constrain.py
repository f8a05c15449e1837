import pytest

from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.constrain.quote import CLOSING, quote_grammar
from gpt4all_core.errors import ConfigError, OutputError, UnsupportedSchema

PASSAGES = [
    "Full-time employees get 25 days of paid leave a year.\nUnused days expire on 31 March.",
    'The sign said "Mind the gap" — naïve visitors (日本語, 🦜) did not.\n\n\tTabs\\b\r\nand /slashes/.',
    "One.",
]


@pytest.fixture(scope="module")
def model(starter_model):
    with LocalModel(starter_model, context_size=512, threads=1) as model:
        yield model.open()


@pytest.mark.parametrize(
    "texts", [PASSAGES[:1], PASSAGES[1:2], PASSAGES], ids=["plain", "unicode", "several"]
)
def test_twenty_seeds_give_only_verbatim_spans(model, texts):
    constraint = model.constrain(quote_from=texts)
    prompt = [Message("user", "Quote something.")]
    handles = [
        model.chat(
            prompt,
            GenerationParams(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, max_tokens=40, seed=seed),
            constraint=constraint,
            prefill=CLOSING,
        )
        for seed in range(20)
    ]
    answers = [handle.result() for handle in handles]
    assert len({answer.text for answer in answers}) > 1 or texts == ["One."]
    for answer in answers:
        span = answer.text.removesuffix(CLOSING) if answer.finish_reason == "stop" else answer.text
        assert any(span in text for text in texts)
        assert span.strip()
        assert span == span.lstrip()


def test_a_quote_may_hold_a_quotation_mark(model):
    grammar = model.constrain(quote_from=PASSAGES[1:2])
    weights = model._opened.weights
    matcher = grammar.matcher()
    for token in weights.tokenize('said "Mind the gap" — naïve', parse_special=False):
        assert matcher.allowed()[token]
        matcher.accept(token)
    assert not matcher.is_finished


def test_nothing_but_the_passages_is_allowed(model):
    matcher = model.constrain(quote_from=["alpha beta"]).matcher()
    weights = model._opened.weights
    allowed = {weights.piece(int(token)) for token in matcher.allowed().nonzero()[0]}
    assert {b"alpha", b"beta"} & allowed
    assert all(b"alpha beta".find(piece) >= 0 for piece in allowed)
    with pytest.raises(OutputError, match="satisfy the grammar"):
        matcher.accept(weights.tokenize("gamma", parse_special=False)[0])


def test_requests_of_one_constraint_do_not_disturb_each_other(model):
    constraint = model.constrain(quote_from=["alpha beta"])
    first, second = constraint.matcher(), constraint.matcher()
    token = model._opened.weights.tokenize("alpha", parse_special=False)[0]
    first.accept(token)
    assert second.allowed()[token]
    assert len(first.allowed()) == model._opened.weights.vocabulary_size


@pytest.mark.parametrize("texts", [[], [""], [" \n\t"], ['"', ' "" ']])
def test_without_any_word_there_is_nothing_to_quote(texts):
    with pytest.raises(ConfigError, match="no text to quote from"):
        quote_grammar(texts)


@pytest.mark.parametrize("grammar", ['start: "a" (', "start: missing", 'start: /(/ "x"', "not a grammar"])
def test_a_grammar_that_cannot_be_enforced_is_refused(model, grammar):
    weights = model._opened.weights
    with pytest.raises(UnsupportedSchema, match="cannot be enforced"):
        GrammarConstraint(
            grammar, tokenizer=weights.constraint_tokenizer(), vocabulary_size=weights.vocabulary_size
        )


def test_forced_tokens_are_accepted_already(model):
    weights = model._opened.weights
    constraint = GrammarConstraint(
        'start: "the only sentence there is"',
        tokenizer=weights.constraint_tokenizer(),
        vocabulary_size=weights.vocabulary_size,
    )
    matcher = constraint.matcher()
    forced = b"".join(weights.piece(token) for token in matcher.forced())
    assert b"the only sentence there is".startswith(forced)
    assert len(forced) > 10
    answer = model.complete("x", GenerationParams(temperature=0), constraint=constraint).result()
    assert (answer.text, answer.finish_reason) == ("the only sentence there is", "stop")
