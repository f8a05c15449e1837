"""A share in an open embedder."""

from pathlib import Path

from gpt4all_core.model_pool import Lease, LeaseTerms
from gpt4all_core.open_packs import ContextMaker, OpenPacks, PackedModelOptions, lease_packs


def open_embedder(path: Path, options: PackedModelOptions, terms: LeaseTerms) -> Lease[OpenPacks]:
    """A share in the embedder for a model file, opened if nobody has it open with these options.

    Raises ModelLoadError for a file that cannot be loaded, or that gives no vectors.
    """

    def prepare() -> ContextMaker:
        from gpt4all_core.engine.llama.embedding_context import embedding_context  # noqa: PLC0415 - heavy

        return embedding_context

    return lease_packs("embedder", path, options, terms, prepare=prepare)
