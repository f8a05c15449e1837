"""Files read by Ray: the other `FileReader`, which gives back passages with their vectors."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from gpt4all_core.errors import ConfigError, LocalDocsError
from gpt4all_localdocs.read_files import ReadFile, Reading
from gpt4all_localdocs.scale.cluster import connected
from gpt4all_localdocs.scale.coordinator import Coordinator
from gpt4all_localdocs.scale.tasks import Failure, FileTask, Result, WorkerJob, pack, unpack_results
from gpt4all_localdocs.sync_ledger import FoundFile

_MOST_FILES: Final = 10_000
"""In one run of Ray Data, which holds all of its input; a run costs some seconds of start."""

_MOST_PASSAGES: Final = 1_000_000
"""That the files of one run had before, as their keys go along: 50 MB."""

_MOST_FILES_A_TASK: Final = 16
_TASKS_A_CPU: Final = 4
"""So that none is long at the end, when the others are done."""

_HEARTBEAT_S: Final = 0.2

_LOST: Final = (
    "no worker brought it back, with other files or alone; Ray's logs of the workers say how they ended, and"
    " the next sync tries again"
)


class RayReader:
    """Loads, cuts and embeds files on a Ray cluster that sees them under the same paths.

    Ray is connected to when the first file is asked for, and left when the last one is there. A run takes
    10,000 files at the most, and only the results of a few tasks are in this process at a time, so that its
    memory does not grow with their number. Files whose worker died are tried once more, each in a task of
    its own, and then given back as unseen.

    workers: as `IndexOptions.workers`. keys_of: the keys of the vectors that the index has for a file.
    most_loads: files that are read at once; None leaves that to Ray.
    """

    def __init__(
        self,
        job: WorkerJob,
        *,
        workers: str,
        keys_of: Callable[[Path], Iterable[str]],
        most_loads: int | None = None,
    ) -> None:
        self._job = job
        self._workers = workers
        self._keys_of = keys_of
        self._most_loads = most_loads

    def read(self, files: Iterable[FoundFile]) -> Reading:
        """As `FileReader` says, with a vector for every text that the index has none for.

        Raises ConfigError for an embedder or splitter that cannot be sent, MissingDependency,
        EmbedderMismatch, and LocalDocsError where Ray or its workers are not as they should be.
        """
        with connected(self._workers) as ray:
            job = _pickled(ray, self._job)
            for run in _runs(files):
                yield from self._read_run(ray, job, run)

    def _read_run(self, ray: Any, job: bytes, run: Sequence[FoundFile]) -> Reading:
        left = dict(enumerate(run))
        tasks_in_all = _TASKS_A_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
        spread = min(_MOST_FILES_A_TASK, -(-len(run) // tasks_in_all))
        for files_per_task in (spread, 1):
            tasks = [self._task(number, found) for number, found in left.items()]
            for result in self._results(ray, job, tasks, files_per_task=files_per_task):
                if result is None:
                    yield None
                elif isinstance(result, Failure):
                    raise result.error
                elif result.number in left:
                    yield left.pop(result.number), result.read
            if not left:
                return
        if len(left) == len(run) > 1:
            raise LocalDocsError(
                f"no worker brought any of {len(run)} files back; look in Ray's logs of the workers how they"
                " ended, and whether gpt4all-adapters[scale] is installed on every node"
            )
        for found in left.values():
            yield found, ReadFile(unseen=_LOST)

    def _results(
        self, ray: Any, job: bytes, tasks: Sequence[FileTask], *, files_per_task: int
    ) -> Generator[Result | None, None, None]:
        """What comes back, in any order; None where nothing came for a moment."""
        with self._coordinator(ray, job) as coordinator:
            try:
                yield from _awaited(ray, coordinator.start.remote(pack(tasks), files_per_task=files_per_task))
                packed = coordinator.next.remote()
                while (results := (yield from _awaited(ray, packed))) is not None:
                    packed = coordinator.next.remote()  # made ready while these are written
                    yield from unpack_results(results)
            except (ray.exceptions.RayError, ConnectionError) as error:  # the latter of ray:// addresses
                raise LocalDocsError(
                    f"Ray ended the sync ({type(error).__name__}: {_last_line(error)}); what was read is"
                    " kept, and the next sync goes on from there"
                ) from error

    @contextmanager
    def _coordinator(self, ray: Any, job: bytes) -> Iterator[Any]:
        # With no core of its own: it waits most of the time.
        coordinator = ray.remote(num_cpus=0)(Coordinator).remote(job, most_loads=self._most_loads)
        try:
            yield coordinator
        finally:
            if ray.is_initialized():  # as in `_awaited`
                ray.kill(coordinator)  # and with it what works for it

    def _task(self, number: int, found: FoundFile) -> FileTask:
        stat = found.stat
        keys = frozenset(self._keys_of(stat.path)) if found.known is not None else frozenset()
        return FileTask(number, stat.path, stat.size, stat.mtime_ns, keys)


def _awaited(ray: Any, reference: Any) -> Generator[None, None, Any]:
    """What a call to an actor returns, or raises; None for every moment in which it does not."""
    while ray.is_initialized():
        if ray.wait([reference], timeout=_HEARTBEAT_S)[0]:
            return ray.get(reference)
        yield None
    raise ConnectionError("the connection is lost")  # Ray would start another one for whatever is called now


def _runs(files: Iterable[FoundFile]) -> Iterator[list[FoundFile]]:
    """The files in lists that are short enough for one run."""
    waiting = iter(files)
    while run := list(islice(waiting, 1)):
        passages = _passages(run[0])
        while len(run) < _MOST_FILES and passages < _MOST_PASSAGES:
            found = next(waiting, None)
            if found is None:
                break
            run.append(found)
            passages += _passages(found)
        yield run


def _passages(found: FoundFile) -> int:
    return 0 if found.known is None else found.known.chunks


def _pickled(ray: Any, job: WorkerJob) -> bytes:
    """The job in bytes, which also hold what a program's own script defines."""
    try:
        packed: bytes = ray.cloudpickle.dumps(job)
    except Exception as error:  # of any kind: what cannot be pickled says so in its own way
        raise ConfigError(
            f"the embedder {type(job.embedder).__name__} or the splitter cannot be sent to workers ({error});"
            " give ones that can be pickled, or workers='local'"
        ) from error
    return packed


def _last_line(error: Exception) -> str:
    return next(reversed(str(error).strip().splitlines()), "")
