"""What is written for types of Pydantic's is what Pydantic takes."""

import datetime as dt
import ipaddress
import uuid

import pydantic
import pytest
from pydantic import TypeAdapter
from schema_walks import Walker

from gpt4all_core.constrain.json_schema import schema_grammar
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import UnsupportedSchema

TYPES = [
    uuid.UUID,
    pydantic.UUID1,
    pydantic.UUID3,
    pydantic.UUID4,
    pydantic.UUID5,
    pydantic.IPvAnyAddress,
    pydantic.IPvAnyInterface,
    pydantic.IPvAnyNetwork,
    ipaddress.IPv4Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Address,
    ipaddress.IPv6Interface,
    ipaddress.IPv6Network,
    dt.date,
    dt.time,
    dt.datetime,
    dt.timedelta,
    pydantic.Base64Bytes,
    pydantic.Base64UrlBytes,
]


@pytest.fixture(scope="module")
def walker(starter_model):
    return Walker(LlamaWeights(starter_model))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: str(getattr(kind, "__name__", kind)))
def test_every_value_that_is_written_is_taken(walker, kind):
    reader = TypeAdapter(kind)
    constraint = walker.constraint(schema_grammar(reader.json_schema()))
    for taste in ("anything", "never closes", "numbers"):
        for seed in range(6):
            walk = walker.walk(constraint, max_tokens=60, taste=taste, seed=seed)
            assert walk.is_complete
            reader.validate_json(walk.text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pydantic.IPvAnyAddress, "2001:db8::8a2e:370:7334"),
        (pydantic.IPvAnyAddress, "192.168.0.1"),
        (pydantic.IPvAnyInterface, "192.168.0.1/24"),
        (pydantic.IPvAnyNetwork, "10.0.0.0/8"),
        (ipaddress.IPv6Network, "2001:db8::/32"),
        (pydantic.UUID4, "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        (dt.timedelta, "P3Y6M4DT12H30M5S"),
        (dt.timedelta, "PT36H"),
    ],
)
def test_usual_values_can_be_written(walker, kind, text):
    constraint = walker.constraint(schema_grammar(TypeAdapter(kind).json_schema()))
    assert walker.accepts(constraint, f'"{text}"')


def test_a_set_is_refused_with_what_to_write_instead():
    with pytest.raises(UnsupportedSchema, match="list instead of a set"):
        schema_grammar(TypeAdapter(set[str]).json_schema())
