"""All that a GGUF file's header says, and what follows from it: memory, dialect, quantisations, wholeness."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gpt4all_core.catalog.catalog import find_for_file
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_data, check_header
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.memory import BATCH_TOKENS, CELLS_PER_TOKEN, USUAL_CONTEXT
from gpt4all_core.catalog.projector_files import find_projector
from gpt4all_core.chat.dialect import DialectSource
from gpt4all_core.chat.template import ChatTemplate
from gpt4all_core.choose_template import choose_template
from gpt4all_core.errors import ConfigError
from gpt4all_core.header_prompt import prompt_facts
from gpt4all_core.model_memory import CacheShape, is_encoder, model_memory
from gpt4all_core.types import KVType, Message

FileKind = Literal["model", "adapter", "projector"]

MEMORY_CONTEXTS = (2048, 4096, 8192, 16384, 32768, 131072)
"""Tokens of context for which memory is reckoned, as far as the model was trained for them."""

MEMORY_TYPES: tuple[KVType, ...] = ("f16", "q8_0")

_EXPERTS = re.compile(r"_exps\.")
_RANK = re.compile(r"\.lora_a$")


@dataclass(frozen=True, slots=True)
class TypeShare:
    """One type of a file's tensors: how many have it, and its part of all parameters, from 0 to 1."""

    type: str
    tensors: int
    share: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes that a model takes with a context of so many tokens, prompt and answer together.

    kv: keys and values, of `kv_type`, and states; compute: buffers of one call.
    """

    context_tokens: int
    kv_type: KVType
    weights: int
    kv: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.compute


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """How a model is talked to, and answers.

    source: whose template it is. tool_format: how calls of tools are written, by our name of it;
    known_from: preset, inferred from what the template writes, or "prompted" where it knows no tools and
    they are described in the system message. thought_tags: around its thoughts; None for a model that
    does not think aloud. fault: why the template cannot be used, or an empty string.
    """

    source: Literal["file", "catalog"]
    tool_format: str | None = None
    known_from: DialectSource | None = None
    thought_tags: tuple[str, str] | None = None
    can_switch_thoughts: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file's header says, and what follows; None for what it does not say.

    kind: adapters and projectors only work beside a model. parameters: how many weights there are;
    active_parameters: how many of them a token is computed with, fewer in mixtures of experts.
    parts: how many files the model is in. unused_bytes: behind the last tensor.
    template: None for files without one that the catalog has none for either. projector: what reads
    pictures and sounds for it, where it lies beside the file. base_model: what an adapter was made for.
    rank: of an adapter's matrices. memory: see `MEMORY_CONTEXTS`.
    """

    path: Path
    kind: FileKind
    architecture: str | None
    name: str | None
    licence: str | None
    licence_link: str | None
    parameters: int
    active_parameters: int
    experts: int | None
    experts_used: int | None
    quantisation: str | None
    types: tuple[TypeShare, ...]
    context_length: int | None
    embedding_length: int | None
    layers: int | None
    vocabulary_size: int | None
    pooling: str | None
    size_bytes: int
    parts: int
    unused_bytes: int
    template: TemplateFacts | None = None
    projector: Path | None = None
    base_model: str | None = None
    rank: int | None = None
    memory: tuple[MemoryNeed, ...] = ()


def inspect_file(path: str | Path) -> FileFacts:
    """Read and check a file's header; nothing is loaded, and the weights are not read.

    path: a model (of several files, the first), a LoRA adapter or a projector. Takes some 25 ms for a
    vocabulary of 49,000 tokens. Raises ModelLoadError, with the reason, for a file that is no GGUF, is
    not whole, or that llama.cpp cannot load. An adapter's or projector's fit to a model is not checked.

        facts = inspect_file("model.gguf")
        facts.architecture, facts.memory[0].total
    """
    path = Path(path)
    header = read_header(path)
    kind = _kind(header)
    if kind != "model":
        check_data(header)
        return _facts(header, kind=kind, base_model=_base_model(header), rank=_rank(header))
    token_texts = header.token_texts()
    header = check_header(header, token_texts=token_texts)
    return _facts(
        header,
        kind=kind,
        template=_template(header, token_texts),
        projector=find_projector(path, header),
        memory=_memory(header),
    )


def usual_memory(header: GGUFHeader) -> MemoryNeed:
    """What a model takes with 4,096 tokens of context, or as many as it was trained for if fewer."""
    return _need(header, min(USUAL_CONTEXT, header.context_length or USUAL_CONTEXT), "f16")


def active_share(header: GGUFHeader) -> float:
    """What part of a mixture's experts a token is computed with; 1 for dense models."""
    experts = header.number(f"{header.architecture}.expert_count") or 0
    used = header.number(f"{header.architecture}.expert_used_count") or 0
    return used / experts if 0 < used < experts else 1.0


def _facts(
    header: GGUFHeader,
    *,
    kind: FileKind,
    template: TemplateFacts | None = None,
    projector: Path | None = None,
    memory: tuple[MemoryNeed, ...] = (),
    base_model: str | None = None,
    rank: int | None = None,
) -> FileFacts:
    in_experts = sum(tensor.elements for tensor in header.tensors if _EXPERTS.search(tensor.name))
    return FileFacts(
        path=header.path,
        kind=kind,
        architecture=header.architecture,
        name=header.name,
        licence=header.licence,
        licence_link=header.text("general.license.link"),
        parameters=header.parameter_count,
        active_parameters=round(header.parameter_count - (1 - active_share(header)) * in_experts),
        experts=header.number(f"{header.architecture}.expert_count"),
        experts_used=header.number(f"{header.architecture}.expert_used_count"),
        quantisation=header.quantisation,
        types=_types(header),
        context_length=header.context_length,
        embedding_length=header.embedding_length,
        layers=header.block_count,
        vocabulary_size=header.vocabulary_size,
        pooling=header.pooling,
        size_bytes=header.file_bytes,
        parts=max(1, header.number("split.count") or 1),
        unused_bytes=_unused_bytes(header),
        template=template,
        projector=projector,
        base_model=base_model,
        rank=rank,
        memory=memory,
    )


def _kind(header: GGUFHeader) -> FileKind:
    kind = header.text("general.type")
    if kind == "adapter":
        return "adapter"
    return "projector" if kind == "mmproj" or header.architecture == "clip" else "model"


def _types(header: GGUFHeader) -> tuple[TypeShare, ...]:
    """The type with the most parameters first."""
    tensors: dict[str, list[tuple[int, int]]] = {}
    for tensor in header.tensors:
        tensors.setdefault(tensor.type.name, []).append((tensor.elements, tensor.size_bytes))
    every = max(1, header.parameter_count)
    shares = [
        TypeShare(name, len(sizes), sum(count for count, _ in sizes) / every, sum(size for _, size in sizes))
        for name, sizes in tensors.items()
    ]
    return tuple(sorted(shares, key=lambda share: -share.share))


def _unused_bytes(header: GGUFHeader) -> int:
    """A file in one piece alone says where its last tensor ends."""
    if (header.number("split.count") or 0) > 1 or not header.tensors:
        return 0
    last = header.tensors[-1]
    return header.file_bytes - (header.data_offset + last.offset + last.size_bytes)


def _template(header: GGUFHeader, token_texts: Sequence[bytes]) -> TemplateFacts | None:
    if is_encoder(header):
        return None
    facts = prompt_facts(header, token_texts=token_texts)
    chosen = choose_template(facts, find_for_file(header.path))
    if chosen.chat_template is None:
        return None
    source: Literal["file", "catalog"] = "file" if chosen.chat_template == facts.chat_template else "catalog"
    try:
        template = ChatTemplate(
            chosen.chat_template,
            others=chosen.other_templates,
            special=chosen.special,
            model_name=header.path.name,
        )
        template.render([Message("user", "hello")])
        dialect = template.dialect(has_tools=True)
        can_switch = template.can_switch_thoughts()
    except ConfigError as error:
        return TemplateFacts(source, fault=str(error))
    tags = dialect.reasoning
    return TemplateFacts(
        source,
        tool_format=dialect.tools.name,
        known_from=dialect.source,
        thought_tags=None if tags is None else (tags.start, tags.end),
        can_switch_thoughts=can_switch,
    )


def _memory(header: GGUFHeader) -> tuple[MemoryNeed, ...]:
    trained = header.context_length or MEMORY_CONTEXTS[0]
    contexts = [context for context in MEMORY_CONTEXTS if context <= trained] or [trained]
    if is_encoder(header):
        contexts = [min(trained, BATCH_TOKENS)]
    return tuple(
        _need(header, context, kind)
        for context in contexts
        for kind in (MEMORY_TYPES[:1] if is_encoder(header) else MEMORY_TYPES)
    )


def _need(header: GGUFHeader, context: int, kv_type: KVType) -> MemoryNeed:
    memory = model_memory(header, CacheShape(CELLS_PER_TOKEN * context, kv_type, BATCH_TOKENS))
    return MemoryNeed(context, kv_type, memory.weights, memory.kv, memory.compute)


def _base_model(header: GGUFHeader) -> str | None:
    return header.text("general.base_model.0.name") or header.text("general.basename")


def _rank(header: GGUFHeader) -> int | None:
    """The number of columns between an adapter's two factors, the largest of all."""
    return max((tensor.shape[-1] for tensor in header.tensors if _RANK.search(tensor.name)), default=None)
