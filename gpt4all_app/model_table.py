"""Models as a table where there is room for one, else as a paragraph each. Pure."""

from collections.abc import Callable, Mapping, Sequence

from gpt4all_app.columns import aligned, width_of
from gpt4all_app.file_rows import file_rows
from gpt4all_app.model_facts import ModelFacts
from gpt4all_app.quantities import as_bytes, as_parameters, as_tokens
from gpt4all_core.inspect_model import FileFacts

_UNKNOWN = "-"
_ROLES = ("chat", "completion", "embedder", "reranker", None)


def table(models: Sequence[ModelFacts], *, width: int | None) -> str:
    """Models and where they are; fewer columns where there is less room, at last a paragraph each."""
    return _fitted(models, _FACTS | {"WHERE": _where}, width=width)


def catalog_table(models: Sequence[ModelFacts], *, width: int | None) -> str:
    """Models by their role, and whether they are here or retired."""
    ordered = sorted(models, key=lambda model: _ROLES.index(model.role))
    return _fitted(ordered, _FACTS | {"": _state}, width=width)


def _fitted(
    models: Sequence[ModelFacts],
    columns: Mapping[str, Callable[[ModelFacts], str | None]],
    *,
    width: int | None,
) -> str:
    shown = list(columns)
    for dropped in (None, *_DROPPED):
        shown = [heading for heading in shown if heading != dropped]
        rows = [shown, *([columns[heading](model) or _UNKNOWN for heading in shown] for model in models)]
        if width is None or width_of(rows) <= width:
            return aligned(rows, right=[number for number, name in enumerate(shown) if name in _NUMBERS])
    return "\n\n".join(map(_paragraph, models))


def rows_of(model: ModelFacts, file: FileFacts | None) -> list[tuple[str, str]]:
    """Everything known of one model, a name and a value a row; unknown facts are left out."""
    facts: list[tuple[str, str | None]] = [
        ("name", model.name),
        ("title", model.title),
        ("role", model.role),
        ("path", str(model.path) if model.path else None),
        ("kept by", model.program),
        ("get it with", model.get),
        ("size", as_bytes(model.size_bytes)),
        ("parameters", as_parameters(model.parameters)),
        ("quantisation", model.quantisation),
        ("context", as_tokens(model.context_length or (file.context_length if file else None))),
        ("memory needed", None if file else as_bytes(model.memory_bytes)),
        ("licence", model.licence),
        ("commercial use", model.commercial_use),
        ("conditions", model.conditions),
        ("languages", _languages(model)),
        ("tool format", None if file and file.template else model.tool_format),
        ("thinks", model.reasoning),
        ("our template", model.catalog_template or None),
        ("demonstration", "yes, its answers are weak" if model.is_demonstration else None),
        ("retired", model.retired),
    ]
    known = [(name, value) for name, value in facts if value]
    return known if file is None else [*known, *file_rows(file)]


def _paragraph(model: ModelFacts) -> str:
    size = as_bytes(model.size_bytes)
    parameters = as_parameters(model.parameters)
    facts = [model.role, size, parameters and f"{parameters} parameters", model.quantisation]
    terms = [model.licence, model.commercial_use and f"commercial use: {model.commercial_use}"]
    lines = [model.name, *(" · ".join(filter(None, part)) for part in (facts, terms)), _where(model)]
    return "\n  ".join(filter(None, lines))


def _where(model: ModelFacts) -> str:
    if model.fault:
        return f"cannot be loaded: {model.fault}"
    program = f"{model.program}: " if model.program else ""
    return f"{program}{model.path or model.get}"


def _state(model: ModelFacts) -> str:
    return "retired" if model.retired else "here" if model.path else " "


def _languages(model: ModelFacts) -> str | None:
    if model.languages is None:
        return None
    return "more than 25" if model.languages == ("many",) else ", ".join(model.languages)


_FACTS: dict[str, Callable[[ModelFacts], str | None]] = {
    "NAME": lambda model: model.name,
    "ROLE": lambda model: model.role,
    "SIZE": lambda model: as_bytes(model.size_bytes),
    "MEMORY": lambda model: as_bytes(model.memory_bytes),
    "PARAMETERS": lambda model: as_parameters(model.parameters),
    "QUANTISATION": lambda model: model.quantisation,
    "LICENCE": lambda model: model.licence,
    "COMMERCIAL": lambda model: model.commercial_use,
}
_NUMBERS = ("SIZE", "MEMORY", "PARAMETERS")
_DROPPED = ("QUANTISATION", "PARAMETERS", "LICENCE", "ROLE", "MEMORY", "COMMERCIAL")
"""In this order, as room gets short."""
