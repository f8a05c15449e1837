"""A JSON Schema in the keywords that constrained decoding holds to."""

from typing import Any

from gpt4all_core.constrain.schema_merges import check_merges
from gpt4all_core.constrain.schema_rewrite import Rewriting
from gpt4all_core.constrain.schema_size import check_lengths
from gpt4all_core.types import JsonSchema


def enforceable_schema(schema: JsonSchema | bool, *, is_open: bool = False) -> dict[str, Any]:
    """A schema that llguidance enforces to the letter, and under which nothing is valid that is not so
    under the original. In draft 2020-12, with all that it refers to in `$defs`, and without annotations.

    is_open: objects may have properties besides those that the schema names, where it does not speak of
    others. By default they may not: JSON Schema would have it, but hardly who lists properties.
    Raises UnsupportedSchema, which names the keyword and where it stands, for whatever cannot be enforced;
    docs/constraints.md lists it. Nothing is compiled here.
    """
    rewriting = Rewriting(schema, is_open=is_open)
    rewritten = rewriting.run()
    check_merges(rewritten, rewriting.places)
    check_lengths(rewritten, rewriting.places)
    return rewritten
