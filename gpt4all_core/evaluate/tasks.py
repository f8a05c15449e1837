"""The tasks by their names, in the order of the GPT4All paper's Table 1."""

import difflib
from collections.abc import Sequence

from gpt4all_core.errors import ConfigError
from gpt4all_core.evaluate import arc, boolq, hellaswag, openbookqa, piqa, winogrande
from gpt4all_core.evaluate.task import Task

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        boolq.TASK,
        piqa.TASK,
        hellaswag.TASK,
        winogrande.TASK,
        arc.EASY,
        arc.CHALLENGE,
        openbookqa.TASK,
    )
}


def find_tasks(names: Sequence[str]) -> list[Task]:
    """Each once, in the order asked for. Raises ConfigError for none, or a name that no task has."""
    if not names:
        raise ConfigError(f"no tasks were named; there are {', '.join(TASKS)}")
    for name in names:
        if name not in TASKS:
            near = difflib.get_close_matches(name, TASKS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(TASKS)}"
            raise ConfigError(f"there is no task {name!r}; {meant}")
    return [TASKS[name] for name in dict.fromkeys(names)]
