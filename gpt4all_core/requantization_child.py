"""What runs in the child process that makes the copy for an isolated model; see `gpt4all_core.starter_copy`.

It reads the arguments of `requantize` from its standard input, and says on its standard error what was
wrong.
"""

import json
import sys
from pathlib import Path

from gpt4all_core.errors import GPT4AllError
from gpt4all_core.requantization import requantize


def main() -> None:
    task = json.loads(sys.stdin.read())
    try:
        requantize(Path(task["model"]), to=task["to"], output=task["output"])
    except GPT4AllError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
