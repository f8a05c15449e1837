"""Grammars that nothing ends but what they spell out themselves."""

import pytest

from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.errors import UnsupportedSchema


@pytest.fixture(scope="module")
def model(starter_model):
    with LocalModel(starter_model, context_size=512, threads=1) as model:
        yield model.open()


@pytest.mark.parametrize(
    "lark",
    [
        'start: /[a-z]+/ "!"',
        'start: "a" /[A-Z]+/ "!"',
        'start: greeting " " NAME "!"\ngreeting: "hello" | "good " ("day" | "night")\nNAME: /[A-Z][a-z]+/',
    ],
)
@pytest.mark.parametrize("max_tokens", [8, 40])
def test_an_answer_ends_within_its_budget(model, lark, max_tokens):
    constraint = model.constrain(lark=lark)
    params = GenerationParams(max_tokens=max_tokens, temperature=1.5, seed=1)
    completion = model.chat([Message("user", "Hello")], params, constraint=constraint).result()
    assert completion.finish_reason == "stop"
    assert completion.text.endswith("!")


def test_half_a_character_is_refused(model):
    with pytest.raises(UnsupportedSchema, match="half of a character"):
        model.constrain(regex="a\ud800b")


@pytest.mark.parametrize("options", [None, True, {}, [3]])
def test_alternatives_that_are_no_list_are_refused(model, options):
    with pytest.raises(UnsupportedSchema, match=r"`anyOf`|`0` at #/anyOf/0"):
        model.constrain(schema={"anyOf": options})
