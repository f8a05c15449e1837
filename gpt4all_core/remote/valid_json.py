"""Whether what a server wrote fits a JSON Schema: a server says that it holds to one, and some do not.

By the package `jsonschema`, under the rules that local models are held to (`enforceable_schema`), so that the
same texts pass: objects have no properties that their schema does not name.
"""

import json

from gpt4all_core.constrain.enforceable import enforceable_schema
from gpt4all_core.errors import MissingDependency, UnsupportedSchema
from gpt4all_core.types import JsonSchema


def schema_fault(text: str, schema: JsonSchema) -> str | None:
    """What is wrong with a JSON text; None if it is valid. Nothing that a schema refers to is fetched.

    A schema that cannot be enforced here is not looked into beyond whether the text is JSON: the server has
    refused it, or holds to it in its own way.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        return f"it is no JSON ({error})"
    try:
        rules = enforceable_schema(schema)
    except UnsupportedSchema:
        return None
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - an extra
        from referencing import Registry  # noqa: PLC0415 - comes with it
    except ImportError as error:
        raise MissingDependency("jsonschema, which checks what servers write,", extra="remote") from error
    # An empty registry: the default one would fetch what it does not know.
    found = next(Draft202012Validator(rules, registry=Registry()).iter_errors(value), None)
    return None if found is None else f"{found.json_path}: {found.message}"
