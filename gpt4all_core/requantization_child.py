"""What runs in the child process of `requantize(isolate=True)`.

Each line of its standard input is a task, each line of its standard output something that happened:
`{"tensor": NAME}` when one is begun, at last `{"plan": …}`, `{"written": true}` or `{"failure": …}`.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gpt4all_core.engine.quantization import QuantizationRecipe
from gpt4all_core.errors import GPT4AllError
from gpt4all_core.isolated.failures import describe
from gpt4all_core.requantization_steps import plan, write


def main() -> None:
    for line in sys.stdin:
        try:
            _say(_do(json.loads(line)))
        except GPT4AllError as error:
            _say({"failure": asdict(describe(error))})


def _do(task: dict[str, Any]) -> dict[str, Any]:
    source, imatrix = Path(task["source"]), task["recipe"].pop("imatrix")
    recipe = QuantizationRecipe(**task["recipe"], imatrix=None if imatrix is None else Path(imatrix))
    if task["target"] is None:
        return {"plan": asdict(plan(source, recipe))}
    write(
        source,
        Path(task["target"]),
        recipe,
        threads=task["threads"],
        on_tensor=lambda name: _say({"tensor": name}),
    )
    return {"written": True}


def _say(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)  # noqa: T201 - its standard output is the pipe to the parent


if __name__ == "__main__":
    main()
