"""What every row is given, and what it gives back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from benchmarks.engine import tasks
from benchmarks.engine.bounds import Machine, ModelCost, measure_machine
from benchmarks.engine.child import Child, ContenderFailed
from benchmarks.engine.contender import Setup
from benchmarks.engine.ratios import Ratio


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio should be."""

    direction: Literal["≥", "≤"]
    value: float

    def is_met(self, ratio: Ratio) -> bool:
        return ratio.median >= self.value if self.direction == "≥" else ratio.median <= self.value

    def __str__(self) -> str:
        return f"{self.direction} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table.

    cpu: the ratio by processor time, where speeds are compared. figure: ours, with its unit.
    bound: what stands in the way of more, and how far away it is. note: why there is no ratio.
    """

    row: str
    what: str
    threads: int
    ratio: Ratio | None = None
    target: Target | None = None
    cpu: Ratio | None = None
    figure: str = ""
    bound: str = ""
    note: str = ""


@dataclass(frozen=True)
class Bench:
    """The files and the effort of one run.

    rounds: ratios taken of each pair. tokens: of one answer where speed is measured.
    corpus: a BEIR corpus.jsonl to embed instead of made-up texts.
    """

    folder: Path
    model: Path
    embedding_model: Path
    rounds: int = 5
    tokens: int = 96
    corpus: Path | None = None
    machines: dict[int, Machine] = field(default_factory=dict)

    def setup(
        self, threads: int, *, width: int = 1, context_size: int = 2048, cache_dir: Path | None = None
    ) -> Setup:
        return Setup(self.model, self.folder, threads, width, context_size, cache_dir)

    def machine(self, threads: int) -> Machine:
        """Measured once for each number of threads."""
        if threads not in self.machines:
            self.machines[threads] = measure_machine(threads)
        return self.machines[threads]

    @property
    def cost(self) -> ModelCost:
        return _model_cost(self.setup(1))


@contextmanager
def contenders(
    names: Sequence[str], setup: Setup, *, environments: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[tuple[dict[str, Child], list[str]]]:
    """Those that could be opened, by name, and for each of the others why not."""
    with ExitStack() as stack:
        opened: dict[str, Child] = {}
        failures: list[str] = []
        for name in names:
            try:
                child = Child(name, setup, environment=(environments or {}).get(name))
            except ContenderFailed as failure:
                failures.append(str(failure))
            else:
                opened[name] = stack.enter_context(child)
        yield opened, failures


@lru_cache
def _model_cost(setup: Setup) -> ModelCost:
    with Child("raw_loop", setup) as child:
        return ModelCost(**child.ask(tasks.call, "model_cost"))
