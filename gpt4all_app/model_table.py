"""Models as a table where there is room for one, else as a paragraph each. Pure."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from gpt4all_app.model_facts import FileFacts, ModelFacts

_HEADINGS = ("NAME", "ROLE", "SIZE", "PARAMETERS", "QUANTISATION", "LICENCE", "COMMERCIAL USE", "WHERE")
_UNKNOWN = "-"


def table(models: Sequence[ModelFacts], *, width: int | None) -> str:
    """Lines with aligned columns, or paragraphs where the lines would be wider than `width`."""
    rows = [_HEADINGS, *map(_row, models)]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    if width is not None and sum(widths) + 2 * (len(widths) - 1) > width:
        return "\n\n".join(map(_paragraph, models))
    return "\n".join(
        "  ".join(set_cell_size(cell, size) for cell, size in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def rows_of(model: ModelFacts, file: FileFacts | None) -> list[tuple[str, str]]:
    """Everything known of one model, a name and a value a row; unknown facts are left out."""
    facts: list[tuple[str, str | None]] = [
        ("name", model.name),
        ("role", model.role),
        ("path", str(model.path) if model.path else None),
        ("get it with", model.get),
        ("size", _bytes(model.size_bytes)),
        ("parameters", _parameters(model.parameters)),
        ("quantisation", model.quantisation),
        ("context", _tokens(model.context_length or (file.context_length if file else None))),
        ("memory needed", _bytes(model.memory_bytes)),
        ("licence", model.licence),
        ("commercial use", model.commercial_use),
        ("demonstration", "yes, its answers are weak" if model.is_demonstration else None),
    ]
    if file is not None:
        facts += [
            ("architecture", file.architecture),
            ("layers", _number(file.layers)),
            ("vector length", _number(file.embedding_length)),
            ("vocabulary", _tokens(file.vocabulary_size)),
            ("pooling", file.pooling),
            ("chat template", "yes" if file.has_chat_template else "no"),
        ]
    return [(name, value) for name, value in facts if value]


def _row(model: ModelFacts) -> tuple[str, ...]:
    return (
        model.name,
        model.role or _UNKNOWN,
        _bytes(model.size_bytes) or _UNKNOWN,
        _parameters(model.parameters) or _UNKNOWN,
        model.quantisation or _UNKNOWN,
        model.licence or _UNKNOWN,
        model.commercial_use or _UNKNOWN,
        _where(model),
    )


def _paragraph(model: ModelFacts) -> str:
    size = _bytes(model.size_bytes)
    parameters = _parameters(model.parameters)
    facts = [model.role, size, parameters and f"{parameters} parameters", model.quantisation]
    terms = [model.licence, model.commercial_use and f"commercial use: {model.commercial_use}"]
    lines = [model.name, *(" · ".join(filter(None, part)) for part in (facts, terms)), _where(model)]
    return "\n  ".join(filter(None, lines))


def _where(model: ModelFacts) -> str:
    return f"cannot be loaded: {model.fault}" if model.fault else str(model.path or model.get)


def _bytes(count: int | None) -> str | None:
    if count is None:
        return None
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _parameters(count: int | None) -> str | None:
    if count is None:
        return None
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"


def _tokens(count: int | None) -> str | None:
    return None if count is None else f"{count:,} tokens"


def _number(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"
