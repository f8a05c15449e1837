"""The reader that the option `workers` names."""

from dataclasses import replace

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import Embedder
from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.pipeline import DocumentPipeline
from gpt4all_localdocs.read_files import FileReader, LocalReader
from gpt4all_localdocs.scale.choice import LOCAL, chosen_workers
from gpt4all_localdocs.scale.ray_reader import RayReader
from gpt4all_localdocs.scale.tasks import WorkerJob
from gpt4all_localdocs.store import Store


def open_reader(
    store: Store, embedder: Embedder, *, pipeline: DocumentPipeline, options: IndexOptions
) -> FileReader:
    """Starts nothing: that is for its first file. Raises ConfigError."""
    workers = chosen_workers(options.workers)
    if workers == LOCAL:
        return LocalReader(pipeline)
    if pipeline.recipe is None:
        raise ConfigError(
            f"workers={workers!r} needs a pipeline of open_pipeline's; another one is of this process"
        )
    # Where vectors are kept is no business of the workers, and its key least of all.
    recipe_options = replace(pipeline.recipe.options, vector_index="exact", vector_index_key=None)
    job = WorkerJob(
        embedder,
        replace(pipeline.recipe, options=recipe_options),
        embedder.identity,
        embedder.dimensions,
        pipeline.settings,
        options.embed_batch,
    )
    return RayReader(
        job, workers=workers, keys_of=store.vectors.keys_of_file, most_loads=options.load_workers
    )
