"""The Ray Data run of one sync, in an actor of the cluster, so that a sync may hold it by a thin line.

Ray Data does not work through `ray://` addresses, and its execution is best kept out of the program's own
process in any case: its memory, its logs and its threads end with the actor.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Final

from gpt4all_localdocs.scale.library import Table, load_ray, load_ray_data, packed_table, packed_values
from gpt4all_localdocs.scale.tasks import CutFile, Failure, pack, unpack_results, unpack_tasks
from gpt4all_localdocs.scale.worker import guarded, open_worker

_RETRIES: Final = 2
"""Of work whose process died. What kills it every time is then left to the sync, which reports it."""

_FILES_EMBEDDED_AT_ONCE: Final = 16
_COLUMN: Final = "files"


class Coordinator:
    """Runs load → cut → embed over some files; asked for the next results, it waits for them.

    What is ready and not asked for holds up the workers: Ray Data bounds what waits between its steps.
    """

    def __init__(self, job: bytes, *, most_loads: int | None) -> None:
        self._job = job
        self._most_loads = most_loads
        self._batches: Iterator[Table] = iter(())

    def start(self, tasks: Sequence[bytes], *, files_per_task: int) -> None:
        """Begin with these files; what was begun before is dropped."""
        data = load_ray_data()
        context = data.DataContext.get_current()
        context.enable_progress_bars = False
        # A block that is lost names no file; the sync knows which are missing.
        context.max_errored_blocks = -1
        cpus = float(load_ray().cluster_resources().get("CPU", 1))
        share = 1.0 if cpus > 1 else cpus / 2  # both steps have to find room
        blocks = -(-len(tasks) // files_per_task)
        loads = {} if self._most_loads is None else {"compute": data.TaskPoolStrategy(self._most_loads)}
        files = data.from_items([{_COLUMN: task} for task in tasks], override_num_blocks=blocks)
        cut = files.map_batches(
            cut_files,
            fn_kwargs={"job": self._job},
            batch_size=None,
            batch_format="pyarrow",
            num_cpus=share,
            max_retries=_RETRIES,
            **loads,
        )
        embedded = cut.map_batches(
            FileEmbedder,
            fn_constructor_kwargs={"job": self._job},
            batch_size=_FILES_EMBEDDED_AT_ONCE,
            batch_format="pyarrow",
            num_cpus=share,
            max_restarts=_RETRIES,
            max_task_retries=_RETRIES,
            compute=data.ActorPoolStrategy(min_size=1, max_size=max(1, int(cpus) - 1)),
        )
        self._batches = iter(
            embedded.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
        )

    def next(self) -> list[bytes] | None:
        """Packed results of some files; None when there are no more."""
        table = next(self._batches, None)
        return None if table is None else packed_values(table, _COLUMN)


def cut_files(table: Table, *, job: bytes) -> Table:
    """The first step, a task: load and cut the files of a block."""
    _take_one_core()
    packed = packed_values(table, _COLUMN)
    return packed_table(
        _COLUMN, pack(guarded(lambda: [open_worker(job).read(task) for task in unpack_tasks(packed)]))
    )


class FileEmbedder:
    """The second step, an actor that keeps the embedder open."""

    def __init__(self, job: bytes) -> None:
        _take_one_core()
        self._job = job

    def __call__(self, table: Table) -> Table:
        results = unpack_results(packed_values(table, _COLUMN))
        cut = [result for result in results if isinstance(result, CutFile)]
        failed = [result for result in results if isinstance(result, Failure)]
        return packed_table(_COLUMN, pack([*failed, *guarded(lambda: open_worker(self._job).embed(cut))]))


def _take_one_core() -> None:
    """Ray gives every process a core: an embedder that is told nothing else is not to take all of them."""
    os.environ.setdefault("GPT4ALL_THREADS", "1")
