"""The steps of `requantization_steps` in a child process, which can be ended and may die."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpt4all_core.engine.quantization import FilePlan, QuantizationRecipe
from gpt4all_core.errors import ModelLoadError
from gpt4all_core.isolated.child_process import ChildProcess, Ending
from gpt4all_core.isolated.failures import Failure, rebuild

CHILD_MODULE = "gpt4all_core.requantization_child"

_END_S = 5.0  # from the end of its input to that of the process


class RequantizationProcess:
    """`plan` and `write` of `requantization_steps`, one after the other. Close it; not thread-safe.

    Raises ConfigError where no interpreter can be started.
    """

    def __init__(self) -> None:
        self._child = ChildProcess(CHILD_MODULE)
        self._is_open = True

    def plan(self, source: Path, recipe: QuantizationRecipe) -> FilePlan:
        return FilePlan(**self._do(source, None, recipe)["plan"])

    def write(
        self,
        source: Path,
        target: Path,
        recipe: QuantizationRecipe,
        *,
        threads: int,
        on_tensor: Callable[[str], None],
    ) -> None:
        self._do(source, target, recipe, threads=threads, on_tensor=on_tensor)

    def close(self) -> None:
        """End it, whatever it does. Idempotent."""
        if self._is_open:
            self._child.kill()
            self._bury()

    def _do(
        self,
        source: Path,
        target: Path | None,
        recipe: QuantizationRecipe,
        *,
        threads: int = 1,
        on_tensor: Callable[[str], None] = lambda _name: None,
    ) -> dict[str, Any]:
        task = {
            "source": str(source),
            "target": None if target is None else str(target),
            "recipe": {**asdict(recipe), "imatrix": None if recipe.imatrix is None else str(recipe.imatrix)},
            "threads": threads,
        }
        with suppress(BrokenPipeError):  # it is dead, which the end of its replies tells with the reason
            self._child.requests.write(json.dumps(task).encode() + b"\n")
            self._child.requests.flush()
        for line in self._child.replies:
            event: dict[str, Any] = json.loads(line)
            if "failure" in event:
                raise rebuild(Failure(**event["failure"]))
            if "tensor" not in event:
                return event
            on_tensor(event["tensor"])
        ending = self._bury()
        raise ModelLoadError(
            f"{source.name} cannot be quantised: the process that tried {ending.manner}. The file is damaged,"
            " or the memory was short: get another file, or close other programs",
            path=source,
        )

    def _bury(self) -> Ending:
        self._is_open = False
        with suppress(BrokenPipeError):  # something was not read
            self._child.requests.close()
        return self._child.bury(_END_S)
