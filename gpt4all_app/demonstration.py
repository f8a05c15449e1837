"""What to say when a model is too small to be judged by."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpt4all_core.protocols import ChatModel


def weak_model_note(model: "ChatModel") -> str:
    """That the model is a demonstration, and the command that gets a better one for this machine.

    Empty for every other model.
    """
    from gpt4all_core.catalog.catalog import better_model  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.catalog.machine import memory_bytes  # noqa: PLC0415 - as above
    from gpt4all_core.catalog.store import installed_path  # noqa: PLC0415 - as above

    if not model.is_demonstration:
        return ""
    start = f"{model.name} is a demonstration model, and its answers are weak"
    memory = memory_bytes()
    better = better_model(memory)
    if better is None:
        return f"{start}; this machine has too little memory for the better ones of the catalog"
    if installed_path(better) is not None:
        return f"{start}; on this disk there is a better one: --model {better.name}"
    return f"{start}; better with {memory / 1e9:.0f} GB of memory:\n  gpt4all models pull {better.name}"
