"""TypedDicts as LangChain's converters read them."""

from types import UnionType
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from typing_extensions import ReadOnly, TypedDict, is_typeddict


def as_langchain_reads(kind: Any) -> Any:
    """The same, with a default of None where a key of a TypedDict may be left out.

    LangChain requires every key that has no default beside its type, `Annotated[str, None, "…"]`, and
    breaks off at Required, NotRequired and ReadOnly. Anything but a TypedDict comes back as it is.
    """
    return _read(kind, {}) if is_typeddict(kind) else kind


def _read(kind: Any, known: dict[Any, Any]) -> Any:
    """known: what was read of the TypedDicts above and beside; one inside itself stays as it is."""
    if is_typeddict(kind):
        if kind not in known:
            known[kind] = kind
            known[kind] = _rewritten(kind, known)
        return known[kind]
    arguments = get_args(kind)
    read = tuple(_read(argument, known) for argument in arguments)
    if read == arguments:
        return kind
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return Union[read]  # noqa: UP007 - of a tuple of types
    return Annotated[(read[0], *arguments[1:])] if origin is Annotated else origin[read]


def _rewritten(kind: Any, known: dict[Any, Any]) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    keys = {
        name: _key(hint, known, is_required=name in kind.__required_keys__) for name, hint in hints.items()
    }
    fresh = TypedDict(kind.__name__, keys)  # type: ignore[misc]  # the name is not known before
    fresh.__doc__ = kind.__doc__ or ""  # else that of dict would describe it to the model
    return fresh


def _key(hint: Any, known: dict[Any, Any], *, is_required: bool) -> Any:
    """The type of a key, what stands beside it kept."""
    beside: tuple[Any, ...] = ()
    while (origin := get_origin(hint)) in (Annotated, Required, NotRequired, ReadOnly):
        if origin is Annotated:
            beside = get_args(hint)[1:]
        elif origin is not ReadOnly:
            is_required = origin is Required  # annotations that are texts are not among the class's keys
        hint = get_args(hint)[0]
    if not is_required and beside[:1] in ((), (...,)):
        beside = (None, *beside[1:])
    read = _read(hint, known)
    return Annotated[(read, *beside)] if beside else read
