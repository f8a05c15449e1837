"""langchain_gpt4all.ChatGPT4All."""

from collections.abc import Iterator, Sequence

from benchmarks.engine.contender import Conversation, Setup
from langchain_gpt4all import ChatGPT4All


class OursInLangChain:
    is_concurrent = True

    def __init__(self, setup: Setup) -> None:
        self._model = ChatGPT4All(
            model=str(setup.model),
            temperature=0,
            threads=setup.threads,
            context_size=setup.context_size,
        )

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        for chunk in self._model.stream(list(conversation), max_tokens=tokens):
            if chunk.content:
                yield str(chunk.content)

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        replies = self._model.batch([list(conversation) for conversation in conversations], max_tokens=tokens)
        return sum(reply.usage_metadata["output_tokens"] for reply in replies if reply.usage_metadata)

    def close(self) -> None:
        self._model.close()


def open_contender(setup: Setup) -> OursInLangChain:
    return OursInLangChain(setup)
