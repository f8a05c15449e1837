"""The models that would be used: whether they are here, whole, and fit into the memory."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from shlex import quote

from gpt4all_app.checkup.finding import Finding
from gpt4all_app.checkup.taken_back import taken_back
from gpt4all_app.failures import describe
from gpt4all_core.batch_kernels import slow_type
from gpt4all_core.catalog.catalog import SHARE_OF_MEMORY, better_model, find_for_file
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.catalog.memory import CELLS_PER_TOKEN, USUAL_CONTEXT
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.config import Settings
from gpt4all_core.errors import ConfigError, MissingDependency, ModelError
from gpt4all_core.model_memory import CacheShape, model_memory
from gpt4all_core.remote.chat import RemoteModel
from gpt4all_core.remote.embedder import RemoteEmbedder

_RECOMMEND = "gpt4all models recommend"

_PATIENCE_S = 10.0
"""How long a server may take to tell its models."""


def findings(reference: str | None, settings: Settings, *, features: AbstractSet[str]) -> Iterator[Finding]:
    """Of the chat model by this name, or the one that is used without a name, and of the embedder.

    features: of the processor, as llama.cpp's build uses them.
    """
    if settings.base_url is None:
        yield from _of_chat_model_here(reference, settings, features)
    else:
        yield _of_address(settings.base_url, reference or settings.model)
    if settings.embedder_base_url is not None:
        yield _of_server(settings.embedder_base_url, settings.embedding_model)
        return
    try:
        embedder = resolve_model(role="embedder")
        check_loadable(embedder)
    except ModelError as error:
        yield Finding("embedder", "problem", describe(error), taken_back("embedding_model"))
    else:
        yield Finding("embedder", "ok", embedder.name)


def _of_chat_model_here(
    reference: str | None, settings: Settings, features: AbstractSet[str]
) -> Iterator[Finding]:
    about = "chat model"
    try:
        path = resolve_model(reference)
        header = check_loadable(path)
    except ModelError as error:
        yield Finding(about, "problem", describe(error), _RECOMMEND)
    else:
        yield _of_chat_model(about, path, header, features)
        yield _memory(header, settings)


def _of_address(base_url: str, model: str | None) -> Finding:
    try:
        with RemoteModel(model, base_url=base_url, timeout_s=_PATIENCE_S, max_retries=0) as found:
            return Finding("chat model", "ok", f"{found.name} at {base_url} ({found.server.kind})")
    except (ModelError, ConfigError, MissingDependency) as error:
        return Finding("chat model", "problem", describe(error), taken_back("base_url"))


def _of_server(base_url: str, model: str | None) -> Finding:
    try:
        with RemoteEmbedder(model, base_url=base_url, timeout_s=_PATIENCE_S, max_retries=0) as embedder:
            return Finding("embedder", "ok", f"{embedder.name} at {base_url}")
    except (ModelError, ConfigError, MissingDependency) as error:
        return Finding("embedder", "problem", describe(error), taken_back("embedder_base_url"))


def _of_chat_model(about: str, path: Path, header: GGUFHeader, features: AbstractSet[str]) -> Finding:
    entry = find_for_file(path)
    if entry is not None and entry.is_demonstration:
        better = better_model(memory_bytes())
        text = f"{entry.name} is a demonstration model, and its answers are weak"
        remedy = f"gpt4all models pull {better.name}" if better else ""
        return Finding(about, "advice" if better else "ok", text, remedy)
    if kind := slow_type(header, features):
        faster = quote(f"{path.stem}-Q8_0.gguf")
        remedy = f"gpt4all models quantize {quote(str(path))} --to Q8_0 --output {faster}"
        text = f"{path.name} is mostly {kind}, which is slow for prompts on this processor"
        return Finding(about, "advice", text, remedy)
    return Finding(about, "ok", f"{entry.name if entry else path.name}, {path}")


def _memory(header: GGUFHeader, settings: Settings) -> Finding:
    trained = header.context_length or USUAL_CONTEXT
    context = settings.context_size or min(trained, USUAL_CONTEXT)
    shape = CacheShape(cells=CELLS_PER_TOKEN * context, kv_type=settings.kv_type or "f16")
    needed, there = model_memory(header, shape), memory_bytes()
    text = f"{needed} for {context:,} tokens of context; here are {there / 2**30:.1f} GiB"
    if context > trained:
        text = f"a context of {context:,} tokens is set, and the model was trained for {trained:,}"
        return Finding("memory", "problem", text, taken_back("context_size"))
    if settings.memory_budget is not None and needed.total > settings.memory_budget:
        text = f"{needed} is more than memory_budget={settings.memory_budget}"
        return Finding("memory", "problem", text, taken_back("memory_budget"))
    if needed.total > there:
        return Finding("memory", "problem", text, _RECOMMEND)
    if needed.total > SHARE_OF_MEMORY * there:
        return Finding("memory", "advice", f"{text}, and other programs want some, too", _RECOMMEND)
    return Finding("memory", "ok", text)
