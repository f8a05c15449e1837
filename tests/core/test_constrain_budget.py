"""A text that comes near its limit is closed, whatever its grammar is; far from it nothing is changed."""

import json

import pytest
from schema_walks import Walker

from gpt4all_core import GenerationParams, LocalModel, Message
from gpt4all_core.constrain.json_schema import schema_grammar, schema_rule
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ConfigError

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"items": {"type": "string"}},
    },
    "required": ["name", "age"],
}
CALL = rf"""
start: TEXT | (pre rest)+ TEXT?
pre[lazy]: /(.|\n)*<tool_call>/
rest: "\n" arguments "\n</tool_call>"
TEXT: /(.|\n)+/ & ~/(.|\n)*<tool_call>(.|\n)*/
arguments: {schema_rule(PERSON)}
"""
THOUGHT = rf"""
start: "<think>" thought answer
thought[lazy]: /(.|\n)*<\/think>/
answer: {schema_rule(PERSON)}
"""
GRAMMARS = {
    "object": schema_grammar(PERSON),
    "anything": schema_grammar({}),
    "tree": schema_grammar({"properties": {"kids": {"items": {"$ref": "#"}}}, "required": ["kids"]}),
    "patterns": schema_grammar(
        {
            "properties": {
                "id": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4,8}$"},
                "mail": {"type": "string", "format": "email"},
                "found": {"type": "string", "pattern": "part-\\d+"},
                "essay": {"type": "string", "minLength": 40},
            },
            "required": ["id", "mail", "found", "essay"],
        }
    ),
    "numbers": schema_grammar(
        {"items": {"type": "integer", "minimum": 1000, "multipleOf": 7}, "minItems": 3}
    ),
    "call": CALL,
    "thought": THOUGHT,
    "thought with a budget": THOUGHT.replace("[lazy]", "[lazy, max_tokens=9]"),
    "special tokens": 'start: TEXT <filename> "x" TEXT <jupyter_code> "yes"\nTEXT: /(.|\\n)+/\n',
    "regex": "start: /[a-z]+@[a-z]+\\.(com|org)/\n",
}


@pytest.fixture(scope="module")
def walker(starter_model):
    return Walker(LlamaWeights(starter_model))


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_text_ends_within_its_budget(walker, name):
    constraint = walker.constraint(GRAMMARS[name])
    shortest = len(constraint.shortest)
    for taste in walker.tastes:
        for spare in (0, 1, 4, 30):
            walk = walker.walk(constraint, max_tokens=shortest + spare, taste=taste, seed=spare)
            assert walk.is_complete, (taste, spare, walk.text)
            assert len(walk.tokens) <= shortest + spare


def test_a_constraint_that_no_answer_fits_in_says_how_long_the_shortest_is(walker):
    constraint = walker.constraint(GRAMMARS["object"])
    shortest = len(constraint.shortest)
    constraint.check_budget(shortest)
    with pytest.raises(ConfigError, match=f"takes {shortest} tokens, more than the {shortest - 1} there"):
        constraint.check_budget(shortest - 1)


def test_a_constraint_whose_answers_are_all_too_long_says_so(walker):
    constraint = walker.constraint(schema_grammar({"type": "string", "minLength": 100_000}))
    with pytest.raises(ConfigError, match="no answer of up to"):
        constraint.check_budget(1_000_000)


def test_far_from_the_limit_the_model_decides(walker):
    matcher = walker.constraint(GRAMMARS["object"]).matcher()
    left = 100_000
    for token in walker.tokenizer.tokenize_str('{"name": "' + "word " * 500):
        assert matcher.within(token, left) == token
        matcher.accept(token)
        left -= 1
    assert not matcher.is_cut


def test_what_fits_is_never_replaced(walker):
    text = '{"name": "Ada", "age": 36, "tags": ["x"]}'
    tokens = walker.tokenizer.tokenize_str(text)
    matcher = walker.constraint(GRAMMARS["object"]).matcher()
    for position, token in enumerate(tokens):
        assert matcher.within(token, len(tokens) - position) == token
        matcher.accept(token)
    assert matcher.is_finished
    assert not matcher.is_cut


def test_free_text_has_an_end_token_where_it_must_stop(walker):
    constraint = walker.constraint("start: NUMBER\nNUMBER: /[0-9]+(\\.[0-9]+)?/\n")
    matcher = constraint.matcher()
    one, point = (walker.tokenizer.tokenize_str(text)[0] for text in ("1", "."))
    assert matcher.within(one, 2) == one
    matcher.accept(one)
    assert matcher.within(point, 1) in constraint.end_tokens
    assert matcher.is_cut
    assert matcher.is_finished


def test_the_way_to_the_end_is_followed_at_once(walker):
    matcher = walker.constraint(GRAMMARS["object"]).matcher()
    shortest = walker.constraint(GRAMMARS["object"]).shortest
    written = []
    quote = walker.tokenizer.tokenize_str("[")[0]
    token = matcher.within(quote, len(shortest))
    matcher.accept(token)
    written += [token, *matcher.forced()]
    assert matcher.is_cut
    assert matcher.is_finished
    assert json.loads(walker.tokenizer.decode_str(written)) == {"name": "", "age": 0}


def test_packed_and_plain_masks_agree(walker):
    matcher = walker.constraint(GRAMMARS["object"]).matcher()
    packed = matcher.allowed_bits()
    allowed = matcher.allowed()
    assert [token for token in range(walker.size) if packed[token // 8] >> token % 8 & 1] == list(
        allowed.nonzero()[0]
    )


@pytest.mark.parametrize("max_tokens", [13, 20, 45])
def test_a_real_model_writes_valid_json_at_any_budget(starter_model, max_tokens):
    with LocalModel(starter_model, context_size=512, threads=1) as model:
        constraint = model.constrain(schema=PERSON)
        assert isinstance(constraint, GrammarConstraint)
        prompt = [Message("user", "Describe a person at great length.")]
        params = GenerationParams(temperature=1.0, seed=max_tokens, max_tokens=max_tokens)
        completion = model.chat(prompt, params, constraint=constraint).result()
    value = json.loads(completion.text)
    assert isinstance(value["name"], str)
    assert isinstance(value["age"], int)
    assert completion.usage.completion_tokens <= max_tokens
