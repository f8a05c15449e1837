"""Which models of this disk a server answers for."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gpt4all_app.model_facts import listed_models
from gpt4all_app.server.served_models import ServedModel, ServedModels, ServedRole
from gpt4all_core.catalog.catalog import find_for_file, model_name
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.catalog.store import files_on_disk
from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.errors import ModelNotFound
from gpt4all_core.local_model import LocalModel
from gpt4all_core.model_memory import is_encoder
from gpt4all_core.reranker import LocalReranker

_KINDS: dict[ServedRole, type[LocalModel] | type[LocalEmbedder] | type[LocalReranker]] = {
    "chat": LocalModel,
    "embedder": LocalEmbedder,
    "reranker": LocalReranker,
}


def find_models(references: Sequence[str]) -> ServedModels:
    """These models and the default embedder; without references all on this disk that can be loaded.

    All on this disk are looked for again when they are listed, and when one is asked for that is not known.

    Reads the headers of files, and loads nothing. Raises ModelNotFound and ModelLoadError for a reference
    that cannot be served, ConfigError for impossible settings.
    """
    if references:
        return ServedModels(_found(references))
    disk = _Disk()
    return ServedModels(disk.found_if_changed() or (), find_again=disk.found_if_changed)


class _Disk:
    """What is on this disk, as long as nothing changed there."""

    def __init__(self) -> None:
        self._seen: frozenset[tuple[Path, int, int]] | None = None

    def found_if_changed(self) -> list[ServedModel] | None:
        """The models, None if the files are those of the last time: a look at names and sizes says so."""
        now = frozenset(_identities())
        if now == self._seen:
            return None
        found = _found(())
        self._seen = now
        return found


def _identities() -> Iterator[tuple[Path, int, int]]:
    for kept in files_on_disk():
        with suppress(OSError):  # removed meanwhile
            status = kept.path.stat()
            yield kept.path, status.st_size, status.st_mtime_ns


def _found(references: Sequence[str]) -> list[ServedModel]:
    served: dict[str, ServedModel] = {}
    for path in _paths(references):
        model = _served(path)
        served.setdefault(model.name, model)
    return list(served.values())


def _paths(references: Sequence[str]) -> Iterator[Path]:
    """The files, the default of each role before its others."""
    yield from (resolve_model(reference) for reference in references)
    if not references:
        with suppress(ModelNotFound):  # a server of embeddings alone is one, too
            yield resolve_model(None)
    yield resolve_model(None, role="embedder")
    if not references:
        for facts in listed_models(is_whole_catalog=False):
            if facts.path is not None and not facts.fault:
                yield facts.path


def _served(path: Path) -> ServedModel:
    role = _role(path)
    written = int(path.stat().st_mtime)
    return ServedModel(model_name(path), role, lambda: _KINDS[role](path), created=written, path=path)


def _role(path: Path) -> ServedRole:
    """What the catalog says, else what the file's header does."""
    entry = find_for_file(path)
    if entry is not None:
        return "chat" if entry.role == "completion" else entry.role
    header = check_loadable(path)
    if header.pooling == "rank":
        return "reranker"
    return "embedder" if is_encoder(header) or header.pooling else "chat"
