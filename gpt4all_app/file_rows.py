"""What a model's file says, a name and a value a row. Pure."""

from collections.abc import Sequence

from gpt4all_app.quantities import as_bytes, as_parameters, as_tokens
from gpt4all_core.catalog.verify_file import Digest
from gpt4all_core.inspect_model import FileFacts, MemoryNeed, TemplateFacts

_KNOWN_FROM = {
    "preset": "known by the template",
    "inferred": "told from what the template writes",
    "prompted": "the template knows no tools",
}


def file_rows(file: FileFacts) -> list[tuple[str, str]]:
    """Facts of the header; what the file does not say is left out."""
    facts: list[tuple[str, str | None]] = [
        ("kind", None if file.kind == "model" else f"{file.kind}, works beside a model alone"),
        ("made for", file.base_model),
        ("rank", _number(file.rank)),
        ("architecture", file.architecture),
        ("layers", _number(file.layers)),
        ("experts", f"{file.experts_used} of {file.experts}" if file.experts else None),
        ("computed with", _active(file)),
        ("vector length", _number(file.embedding_length)),
        ("vocabulary", as_tokens(file.vocabulary_size)),
        ("pooling", file.pooling),
        ("types", ", ".join(f"{share.type} {_per_cent(share.share)}" for share in file.types)),
        ("parts", _number(file.parts) if file.parts > 1 else None),
        ("unused", as_bytes(file.unused_bytes) if file.unused_bytes >= _NOTEWORTHY_BYTES else None),
        ("projector", None if file.projector is None else file.projector.name),
        ("licence text", file.licence_link),
    ]
    known = [(name, value) for name, value in facts if value]
    return [*known, *_template_rows(file), *_memory_rows(file.memory)]


def digest_row(digest: Digest) -> tuple[str, str]:
    """The hash, and who says that it is right."""
    said = f"as the {digest.source} says" if digest.source else "nothing is known to compare it with"
    return digest.algorithm, f"{digest.value} ({said})"


_NOTEWORTHY_BYTES = 1 << 16
"""Files may end with padding."""


def _active(file: FileFacts) -> str | None:
    if file.active_parameters == file.parameters:
        return None
    return f"{as_parameters(file.active_parameters)} parameters for each token"


def _template_rows(file: FileFacts) -> list[tuple[str, str]]:
    template = file.template
    if template is None:
        return [("chat template", "no")] if file.kind == "model" else []
    if template.fault:
        return [("chat template", f"cannot be used: {template.fault}")]
    whose = "its own" if template.source == "file" else "the catalog's"
    how = _KNOWN_FROM[template.known_from] if template.known_from else ""
    thoughts = [("thoughts", _thoughts(template))] if template.thought_tags else []
    return [("chat template", whose), ("tool format", f"{template.tool_format} ({how})"), *thoughts]


def _thoughts(template: TemplateFacts) -> str:
    tags = " … ".join(template.thought_tags or ())
    return f"{tags}, can be switched" if template.can_switch_thoughts else tags


def _memory_rows(memory: Sequence[MemoryNeed]) -> list[tuple[str, str]]:
    """A row for each context, the cheaper ways to keep its cells behind the usual one."""
    rows: dict[int, list[str]] = {}
    for need in memory:
        text = (
            f"{as_bytes(need.total)} ({as_bytes(need.weights)} weights, {as_bytes(need.kv)} cells,"
            f" {as_bytes(need.compute)} buffers)"
            if need.kv_type == "f16"
            else f"{as_bytes(need.total)} with {need.kv_type} cells"
        )
        rows.setdefault(need.context_tokens, []).append(text)
    return [(f"memory at {context:,}", "; ".join(texts)) for context, texts in rows.items()]


def _per_cent(share: float) -> str:
    return "< 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def _number(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"
