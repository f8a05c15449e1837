"""The gpt4all wheel 2.8.2, the last one there was. One request at a time.

Its llama.cpp of 2024 does not know the name of SmolLM2's pre-tokenizer and refuses the file. The
copy it gets says "refact" instead, whose rules are the same (llama.cpp: llama-vocab.cpp); the
weights are the same bytes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gpt4all import GPT4All

from benchmarks.engine.contender import Conversation, Setup
from benchmarks.engine.conversations import chatml

_KEY = b"tokenizer.ggml.pre" + (8).to_bytes(4, "little") + (6).to_bytes(8, "little")  # a string of 6 bytes


class GPT4AllWheel:
    is_concurrent = False

    def __init__(self, setup: Setup) -> None:
        path = _readable_copy(setup.model, setup.folder)
        self._model = GPT4All(
            path.name,
            model_path=path.parent,
            allow_download=False,
            n_threads=setup.threads,
            device="cpu",
            n_ctx=setup.context_size,
        )

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        yield from self._generate(conversation, tokens)

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        return sum(len(list(self._generate(conversation, tokens))) for conversation in conversations)

    def close(self) -> None:
        self._model.close()

    def _generate(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        yield from self._model.generate(
            chatml(conversation),
            max_tokens=tokens,
            temp=0,
            top_k=1,
            repeat_penalty=1.0,
            n_batch=512,
            streaming=True,
        )


def open_contender(setup: Setup) -> GPT4AllWheel:
    return GPT4AllWheel(setup)


def _readable_copy(model: Path, folder: Path) -> Path:
    copy = folder / f"{model.stem}.refact.gguf"
    if not copy.exists():
        content = model.read_bytes()
        if content.count(_KEY + b"smollm") != 1:
            raise ValueError(f"{model} has another pre-tokenizer than SmolLM2; gpt4all cannot be compared")
        copy.write_bytes(content.replace(_KEY + b"smollm", _KEY + b"refact"))
    return copy
