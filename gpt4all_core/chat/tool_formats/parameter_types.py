"""What a tool's schema says of each of its parameters, for formats that write values without JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gpt4all_core.errors import UnsupportedSchema
from gpt4all_core.types import JsonSchema, Tool

ALL_TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
_ALTERNATIVES = ("anyOf", "oneOf")
_NOT_ENFORCED_AT_THE_TOP = frozenset(
    {"patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired"}
    | {"dependentSchemas", "dependencies", "if", "then", "else", "not", "anyOf", "oneOf", "allOf"}
    | {"enum", "const"}
)
_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
    | {"$defs", "definitions", "$schema", "$id", "nullable"}
)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of the ways to fill a parameter: values of one type, that also fit a schema.

    is_exact: the schema says all that is asked of these values; False where several schemas have to
    be met at once (`allOf`), of which it is one.
    """

    type: str
    schema: JsonSchema
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class ToolParameters:
    """The parameters of one tool.

    properties: their schemas by name, in the order of the declaration. additional: the schema of
    those that are not declared; None where there may be none, which is so unless the tool says
    otherwise. root: the whole schema, in which `$ref` points.
    """

    properties: Mapping[str, JsonSchema] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    additional: JsonSchema | None = None
    root: JsonSchema = field(default_factory=dict)

    def types(self, name: str) -> frozenset[str]:
        """The types that a parameter's values may have: all, where the tool does not say."""
        schema = self.properties.get(name, self.additional)
        if schema is None:
            return frozenset(ALL_TYPES)
        return frozenset(alternative.type for alternative in self.alternatives(schema))

    def is_possible(self, name: str, tool: Tool) -> bool:
        """Whether there are any values for a parameter.

        Raises UnsupportedSchema for one that is required and has none.
        """
        if self.alternatives(self.properties[name]):
            return True
        if name in self.required:
            raise UnsupportedSchema(
                f"the tool {tool.name!r} requires {name!r}, for which its schema allows no value"
            )
        return False

    def alternatives(self, schema: JsonSchema) -> tuple[Alternative, ...]:
        """What the schema allows, one type each: `$ref`, `anyOf`, `oneOf`, lists of types, `enum`,
        `const` and OpenAPI's `nullable` taken apart. No type where it contradicts itself.
        """
        return tuple(_alternatives(schema, self.root, frozenset()))

    def standalone(self, schema: JsonSchema) -> JsonSchema:
        """The schema of a parameter with the definitions that it may refer to.

        Raises UnsupportedSchema where it refers to anything else inside the tool's schema.
        """
        definitions = {key: self.root[key] for key in ("$defs", "definitions") if key in self.root}
        for target in _references(schema):
            if not target.startswith(("#/$defs/", "#/definitions/")):
                raise UnsupportedSchema(
                    f"$ref {target!r} cannot be followed here; put what it names under $defs"
                )
        return {**definitions, **schema}


def read_parameters(tool: Tool) -> ToolParameters:
    """What a tool's schema says, as far as it can be told; never raises."""
    root = tool.parameters
    schema = _resolved(root, root)
    declared = schema.get("properties")
    properties = {
        str(name): as_schema(value)
        for name, value in (declared.items() if isinstance(declared, Mapping) else ())
    }
    required = schema.get("required")
    names = [str(name) for name in required] if isinstance(required, list | tuple) else []
    properties |= {name: {} for name in names if name not in properties}
    additional = schema.get("additionalProperties")
    is_open = additional is True or isinstance(additional, Mapping)
    return ToolParameters(properties, frozenset(names), as_schema(additional) if is_open else None, root)


def enforceable_parameters(tool: Tool) -> ToolParameters:
    """What a tool's schema says, all of it.

    Raises UnsupportedSchema where it asks for more than parameters that are there or not.
    """
    schema = _resolved(tool.parameters, tool.parameters)
    for keyword in sorted(_NOT_ENFORCED_AT_THE_TOP & schema.keys()):
        raise UnsupportedSchema(
            f"the parameters of the tool {tool.name!r} use {keyword}, which cannot be enforced in the"
            " format that this model writes calls in; describe them with properties and required"
        )
    return read_parameters(tool)


def json_type(value: object) -> str:
    """The JSON Schema type of a value as Python reads it from JSON; "integer" for whole numbers."""
    if value is None:
        return "null"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    names = {bool: "boolean", str: "string", int: "integer", list: "array"}
    return names.get(type(value), "object")


def has_type(value: object, types: frozenset[str]) -> bool:
    name = json_type(value)
    return name in types or (name == "integer" and "number" in types)


def _alternatives(schema: JsonSchema, root: JsonSchema, followed: frozenset[str]) -> Iterator[Alternative]:
    """followed: the references on the way here; one that comes again adds nothing."""
    if "$ref" in schema:
        reference = str(schema["$ref"])
        if reference in followed:
            return
        target = _alternatives(_pointed_at(reference, root), root, followed | {reference})
        yield from _narrowed(target, _without(schema, "$ref"))
    elif key := next((key for key in _ALTERNATIVES if isinstance(schema.get(key), list)), None):
        for choice in schema[key]:
            yield from _narrowed(_alternatives(as_schema(choice), root, followed), _without(schema, key))
    elif isinstance(schema.get("allOf"), list) and schema["allOf"]:
        first, *others = schema["allOf"]
        siblings = _without(schema, "allOf")
        for other in others:
            siblings |= as_schema(other)
        for alternative in _narrowed(_alternatives(as_schema(first), root, followed), siblings):
            yield replace(alternative, is_exact=alternative.is_exact and not others)
    else:
        yield from _typed(schema)


def _without(schema: JsonSchema, keyword: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != keyword}


def _narrowed(alternatives: Iterator[Alternative], siblings: JsonSchema) -> Iterator[Alternative]:
    """Alternatives that have to meet the keywords beside them as well."""
    types = {alternative.type for alternative in _typed(siblings)}
    asserting = {key: value for key, value in siblings.items() if key not in _ANNOTATIONS}
    for alternative in alternatives:
        if alternative.type in types or (alternative.type == "integer" and "number" in types):
            is_clear = alternative.is_exact and all(
                key == "type" or alternative.schema.get(key, value) == value
                for key, value in asserting.items()
            )
            schema = {**asserting, **alternative.schema}
            yield Alternative(alternative.type, schema, is_exact=is_clear)


def _typed(schema: JsonSchema) -> Iterator[Alternative]:
    """The types that a schema without references and alternatives allows, null first."""
    named = schema.get("type")
    names = [named] if isinstance(named, str) else list(named if isinstance(named, list) else ALL_TYPES)
    if schema.get("nullable") is True:
        names.append("null")
    for name in (
        name for name in ALL_TYPES if name in names and not (name == "integer" and "number" in names)
    ):
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if not isinstance(values, list):
            yield Alternative(name, {**schema, "type": name})
            continue
        fitting = [value for value in values if has_type(value, frozenset({name}))]
        if fitting:
            rest = {key: value for key, value in schema.items() if key != "const"}
            yield Alternative(name, {**rest, "type": name, "enum": fitting})


def _resolved(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    """The schema itself, or what it refers to and nothing else."""
    followed: set[str] = set()
    while "$ref" in schema and str(schema["$ref"]) not in followed:
        followed.add(str(schema["$ref"]))
        schema = _pointed_at(schema["$ref"], root)
    return schema


def _pointed_at(reference: object, root: JsonSchema) -> JsonSchema:
    """What a `#/…` reference names (RFC 6901); a schema for anything where it names nothing."""
    value: Any = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    for part in reference[1:].split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or key not in value:
            return {}
        value = value[key]
    return as_schema(value)


def as_schema(value: object) -> JsonSchema:
    """A schema that is given as such, or as true or false; one for anything where there is none."""
    if value is False:
        return {"enum": []}
    return value if isinstance(value, Mapping) else {}


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _references(value)
