"""ChatLlamaCpp of langchain-community. Two threads on one object end the process: one by one."""

from collections.abc import Iterator, Sequence

from langchain_community.chat_models import ChatLlamaCpp

from benchmarks.engine.contender import Conversation, Setup


class LangChainCommunity:
    is_concurrent = False

    def __init__(self, setup: Setup) -> None:
        self._model = ChatLlamaCpp(
            model_path=str(setup.model),
            temperature=0,
            repeat_penalty=1.0,
            n_ctx=setup.context_size,
            n_threads=setup.threads,
            n_batch=512,  # its own default of 8 reads prompts several times slower
            verbose=False,
        )

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        self._model.streaming = True
        for chunk in self._model.stream(list(conversation), max_tokens=tokens):
            if chunk.content:
                yield str(chunk.content)

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        self._model.streaming = False  # streaming in `invoke` too is its default, and slower
        replies = [
            self._model.invoke(list(conversation), max_tokens=tokens) for conversation in conversations
        ]
        return sum(reply.response_metadata["token_usage"]["completion_tokens"] for reply in replies)

    def close(self) -> None:
        self._model.client.close()


def open_contender(setup: Setup) -> LangChainCommunity:
    return LangChainCommunity(setup)
