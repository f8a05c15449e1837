"""LlamaIndex's metadata filters in the words of LocalDocs."""

from collections.abc import Mapping
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_localdocs.filter_sql import compile_filter
from gpt4all_localdocs.search_filter import Where

_OPERATORS = {
    FilterOperator.EQ: "$eq",
    FilterOperator.NE: "$ne",
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.IN: "$in",
    FilterOperator.NIN: "$nin",
    FilterOperator.CONTAINS: "$contains",
}
_EACH = {FilterOperator.ANY: "$or", FilterOperator.ALL: "$and"}
_LOGIC = {FilterCondition.AND: "$and", FilterCondition.OR: "$or"}


def to_where(given: Where | MetadataFilters | None) -> Where | None:
    """The same filter, looked at before anything is searched.

    Raises UnsupportedParameter for `text_match`, whose meaning differs between LlamaIndex's stores, and for
    unknown operators, ConfigError for values that cannot be compared.
    """
    where = _all(given) if isinstance(given, MetadataFilters) else given
    compile_filter(where)
    return where


def _all(given: MetadataFilters) -> Mapping[str, Any]:
    parts = [_all(part) if isinstance(part, MetadataFilters) else _one(part) for part in given.filters]
    if not parts:
        return {}
    if given.condition is FilterCondition.NOT:  # as LlamaIndex's stores read it: none of them holds
        return {"$not": {"$or": parts}}
    return {_LOGIC[given.condition or FilterCondition.AND]: parts}


def _one(asked: MetadataFilter) -> Mapping[str, Any]:
    if asked.operator in _OPERATORS:
        return {asked.key: {_OPERATORS[asked.operator]: asked.value}}
    if asked.operator is FilterOperator.IS_EMPTY:
        return {asked.key: {"$exists": False}}
    if asked.operator in _EACH:
        if not isinstance(asked.value, list) or not asked.value:
            raise ConfigError(f"{asked.operator.value!r} of {asked.key!r} takes a list, not {asked.value!r}")
        return {_EACH[asked.operator]: [{asked.key: {"$contains": value}} for value in asked.value]}
    raise UnsupportedParameter(
        f"LocalDocs has no filter operator {asked.operator.value!r}; search for words with mode='keyword'"
    )
