"""What the header of a model's file says of it."""

from functools import lru_cache
from pathlib import Path

from gpt4all_core.catalog.gguf import read_header


def has_chat_template(path: Path) -> bool:
    """Whether the model can hold a conversation, and so be offered tools. Fast: LlamaIndex asks often."""
    return _has_chat_template(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)  # reading a header takes milliseconds
def _has_chat_template(path: Path, _modified_ns: int) -> bool:
    return read_header(path).text("tokenizer.chat_template") is not None
