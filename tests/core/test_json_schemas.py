"""Whatever is drawn under a JSON schema is valid under it, at every budget that has room for any answer."""

import json

import pytest
from schema_cases import ACCEPTED, REFUSED
from schema_walks import MATERIAL, Walker, as_written, material, validator_for

from gpt4all_core.constrain.enforceable import enforceable_schema
from gpt4all_core.constrain.json_schema import schema_grammar, schema_rule
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import UnsupportedSchema

SPARE_TOKENS = (0, 1, 3, 20, 60)
"""Beyond the shortest answer."""
EVERY = 12
"""Of the published schemas, one in so many is walked here; `make schemas` walks them all."""


@pytest.fixture(scope="module")
def walker(starter_model):
    return Walker(LlamaWeights(starter_model))


def check_walks(walker, schema, *, grammar, seeds):
    constraint = walker.constraint(grammar)
    shortest = constraint.shortest
    assert shortest is not None
    validator = validator_for(schema)
    for taste in walker.tastes:
        for seed in seeds:
            budget = len(shortest) + SPARE_TOKENS[seed % len(SPARE_TOKENS)]
            walk = walker.walk(constraint, max_tokens=budget, taste=taste, seed=seed)
            assert walk.is_complete, (taste, seed, walk.text)
            assert len(walk.tokens) <= budget
            validator.validate(json.loads(walk.text))


@pytest.mark.parametrize("is_open", [False, True], ids=["closed", "open"])
@pytest.mark.parametrize("name", ACCEPTED)
def test_only_valid_values_are_written(walker, name, is_open):
    schema = ACCEPTED[name]
    check_walks(walker, schema, grammar=schema_grammar(schema, is_open=is_open), seeds=range(3))


@pytest.mark.parametrize(
    ("keyword", "schema"), REFUSED, ids=[f"{keyword}-{i}" for i, (keyword, _) in enumerate(REFUSED)]
)
def test_what_cannot_be_enforced_is_refused_by_keyword(keyword, schema):
    with pytest.raises(UnsupportedSchema, match=f"^`{keyword.replace('$', '[$]')}` at #"):
        schema_grammar(schema)


def test_a_refusal_points_to_where_the_keyword_stands():
    schema = {"properties": {"a/b": {"items": {"uniqueItems": True}}}}
    with pytest.raises(UnsupportedSchema, match="`uniqueItems` at #/properties/a~1b/items "):
        schema_grammar(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"items": {}},
        {
            "$ref": "#/$defs/r0",
            "$defs": {f"r{i}": {"items": {"$ref": f"#/$defs/r{i + 1}"}} for i in range(999)},
        },
        {"enum": list(range(100_000))},
        {"allOf": [{"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"]}]} for i in range(20)]},
        {"properties": {f"p{i}": {} for i in range(20_000)}},
        {"type": "string", "pattern": "(" * 1000},
        {"oneOf": [{"required": [f"a{i}"]} for i in range(1000)]},
        {"patternProperties": {f"^{i}x*$": {} for i in range(1000)}},
    ],
    ids=["deep", "chain", "enum", "product", "wide", "pattern", "oneOf", "patterns"],
)
def test_hostile_schemas_are_refused_quickly(walker, schema):
    if schema == {"items": {}}:
        for _ in range(10_000):
            schema = {"items": schema}
    with pytest.raises(UnsupportedSchema):
        walker.constraint(schema_grammar(schema))


def test_what_is_referred_to_twice_at_every_level_is_looked_at_once(walker):
    twice = {f"r{i}": {"allOf": [{"$ref": f"#/$defs/r{i + 1}"}] * 2} for i in range(40)}
    schema = {"$ref": "#/$defs/r0", "$defs": {**twice, "r40": {"type": "integer", "multipleOf": 7}}}
    assert walker.constraint(schema_grammar(schema)).shortest is not None


@pytest.mark.parametrize(
    "number", [10**400, -(10**4000), float("inf"), float("nan")], ids=["large", "low", "infinite", "none"]
)
@pytest.mark.parametrize(
    "keyword",
    [
        "minimum",
        "exclusiveMaximum",
        "multipleOf",
        "const",
        "minLength",
        "maxItems",
        "minItems",
        "maxProperties",
    ],
)
def test_no_number_is_too_large_to_be_refused(keyword, number):
    with pytest.raises(UnsupportedSchema):
        enforceable_schema({keyword: number})


def test_counts_that_multiply_beyond_all_floats_are_refused():
    schema = {"type": "integer"}
    for _ in range(3):
        schema = {"type": "array", "minItems": 10**200, "items": schema}
    with pytest.raises(UnsupportedSchema):
        enforceable_schema(schema)


def test_equal_schemas_give_equal_texts_on_one_line():
    schema = ACCEPTED["tree"]
    assert schema_rule(schema) == schema_rule(json.loads(json.dumps(schema)))
    assert "\n" not in schema_rule({"const": "a\nb"})


@pytest.mark.parametrize(
    ("text", "is_written"),
    [
        ('{"a": [1, 2], "b": {"c": 3}}', True),
        ('{"a":[1,2],"b":{"c":3}}', True),
        ('{"a": [1,2], "b": {"c": 3}}', False),
        ('{"a":[1,2],"b": {"c":3}}', False),
        ('{"a":[1,2], "b":{"c":3}}', False),
        ('{"a": [1, 2],  "b": {"c": 3}}', False),
    ],
)
def test_the_first_comma_or_colon_decides_whether_spaces_follow_all(walker, text, is_written):
    numbers = {"type": "array", "items": {"type": "integer"}}
    inner = {"properties": {"c": {"type": "integer"}}}
    constraint = walker.constraint(schema_grammar({"properties": {"a": numbers, "b": inner}}))
    assert walker.accepts(constraint, text) is is_written


def test_annotations_and_unknown_keywords_change_nothing():
    noted = {"title": "t", "description": "d", "default": 1, "examples": [2], "x-guidance": {"lenient": True}}
    assert schema_rule({"type": "integer", "readOnly": True, **noted}) == schema_rule({"type": "integer"})


def test_objects_are_closed_unless_they_say_otherwise_or_the_caller_does(walker):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    text = as_written({"a": 1, "b": 2})
    assert not walker.accepts(walker.constraint(schema_grammar(schema)), text)
    assert walker.accepts(walker.constraint(schema_grammar(schema, is_open=True)), text)
    assert walker.accepts(walker.constraint(schema_grammar({**schema, "additionalProperties": True})), text)


def test_a_name_cannot_be_written_twice_in_another_spelling(walker):
    schema = {"properties": {"abc": {"type": "integer"}}, "additionalProperties": {"type": "string"}}
    constraint = walker.constraint(schema_grammar(schema))
    assert walker.accepts(constraint, '{"abc": 1, "abd": "x"}')
    assert not walker.accepts(constraint, '{"abc": 1, "abc": "x"}')
    assert not walker.accepts(constraint, '{"abc": 1, "\\u0061bc": "x"}')


def test_an_enforceable_schema_stands_by_itself():
    rewritten = enforceable_schema(ACCEPTED["ref"])
    assert rewritten == {"$ref": "#/$defs/r0", "$defs": {"r0": {"type": "integer"}}}


@pytest.mark.skipif(
    not any(MATERIAL.glob("*.jsonl.gz")), reason="no published schemas; JSON_SCHEMAS names a folder"
)
@pytest.mark.parametrize("part", range(4))
def test_a_slice_of_published_schemas(walker, part):
    rows = list(material())[part :: 4 * EVERY]
    for row in rows:
        try:
            grammar = schema_grammar(row["schema"])
        except UnsupportedSchema:
            continue
        check_walks(walker, row["schema"], grammar=grammar, seeds=(part, part + 1))
        for instance in row["tests"]:
            if not instance["valid"]:
                constraint = walker.constraint(grammar)
                assert not walker.accepts(constraint, as_written(instance["data"])), (row["name"], instance)
