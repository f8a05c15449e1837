"""What somebody wants to know of a model before choosing it, from the catalog and from its file's header."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from gpt4all_core.catalog.catalog import find_for_file
from gpt4all_core.catalog.entry import CommercialUse, ModelEntry
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.memory import BATCH_TOKENS, CELLS_PER_TOKEN, USUAL_CONTEXT
from gpt4all_core.config import resolve_settings
from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import ModelLoadError
from gpt4all_core.inspect_model import inspect_file
from gpt4all_core.model_memory import CacheShape, is_encoder, model_memory
from gpt4all_core.types import KVType


class ModelCard(BaseModel):
    """None for what is not known.

    size_bytes: of the file. memory_bytes: of weights, KV cache and buffers, with `context_tokens` of prompt
    and answer. licence: its id; commercial_use: "yes", "no" or "conditions". languages: ISO 639-1 codes, or
    "many". thinks: whether it may think before it answers. tools: whether it was made to call functions;
    one that was not is told how in its instructions.
    """

    size_bytes: int | None
    memory_bytes: int | None
    context_tokens: int | None
    licence: str | None
    commercial_use: CommercialUse | None
    languages: list[str] | None
    thinks: bool | None
    tools: bool | None


@dataclass(frozen=True, slots=True)
class _Talk:
    thinks: bool | None
    tools: bool | None


def model_card(path: Path | None) -> ModelCard:
    """The card of a model's file; all None for a model without one. Remembered until the file changes.

    A first look takes tens of milliseconds: not for an event loop.
    """
    if path is None:
        return _UNKNOWN
    settings = resolve_settings()
    try:
        status = path.stat()
        return _card(
            path,
            (status.st_size, status.st_mtime_ns),
            asked=settings.context_size or USUAL_CONTEXT,
            kv_type=settings.kv_type or "f16",
        )
    except (OSError, ModelLoadError):  # gone or damaged since it was found; loading it will say so
        return _UNKNOWN


def embedder_identity(path: Path | None) -> str | None:
    """That of the LocalEmbedder of a file; None without one. Remembered until the file changes."""
    if path is None:
        return None
    try:
        status = path.stat()
        return _identity(path, (status.st_size, status.st_mtime_ns))
    except (OSError, ModelLoadError):  # as for its card
        return None


@lru_cache(maxsize=64)
def _identity(path: Path, _seen: tuple[int, int]) -> str:
    return LocalEmbedder(path).identity


_UNKNOWN = ModelCard.model_validate(dict.fromkeys(ModelCard.model_fields))


@lru_cache(maxsize=256)
def _card(path: Path, _identity: tuple[int, int], *, asked: int, kv_type: KVType) -> ModelCard:
    entry, header = find_for_file(path), check_loadable(path)
    context = _context_tokens(header, asked)
    talk = _talk(entry, path, header)
    return ModelCard(
        size_bytes=header.file_bytes,
        memory_bytes=_memory_bytes(header, context, kv_type),
        context_tokens=context,
        licence=entry.licence.id if entry and entry.licence else header.licence,
        commercial_use=entry.commercial_use if entry else None,
        languages=list(entry.languages) if entry and entry.languages else None,
        thinks=talk.thinks,
        tools=talk.tools,
    )


def _context_tokens(header: GGUFHeader, asked: int) -> int:
    """As many as a request may have here: no more than the model was trained for."""
    trained = header.context_length or USUAL_CONTEXT
    return trained if is_encoder(header) else min(asked, trained)


def _memory_bytes(header: GGUFHeader, context: int, kv_type: KVType) -> int:
    cells = min(context, BATCH_TOKENS) if is_encoder(header) else CELLS_PER_TOKEN * context
    return model_memory(header, CacheShape(cells, kv_type, BATCH_TOKENS)).total


def _talk(entry: ModelEntry | None, path: Path, header: GGUFHeader) -> _Talk:
    if is_encoder(header) or (entry is not None and entry.role not in ("chat", "completion")):
        return _Talk(thinks=False, tools=False)
    if entry is not None and entry.reasoning is not None and entry.tool_format is not None:
        return _Talk(entry.reasoning != "never", entry.tool_format != "prompted")
    template = inspect_file(path).template
    if template is None or template.fault:
        return _Talk(None, None)
    return _Talk(template.thought_tags is not None, template.known_from != "prompted")
