"""Scripted models for servers, and what clients read of them."""

import json
import threading
from pathlib import Path

from gpt4all_app.server.served_models import ServedModel, ServedModels
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.errors import EngineBusy
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import ChosenLogprob, Completion, Piece, RankedDocument, TextDelta, Usage

QUESTION = [{"role": "user", "content": "Hello"}]


class Script(ScriptedChatModel):
    """A scripted model as a server has them."""

    role = "chat"

    def close(self):
        self.is_closed = True


class Endless(Script):
    """Says one word and goes on for ever; tells when nobody wants more."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = threading.Event()
        self.left = threading.Semaphore(0)
        """Released by each answer that nobody wants any more."""

    def chat(self, *_messages, **_options):
        mailbox = Mailbox(self.left.release)
        mailbox.push(Piece("word", 1))
        self.asked.set()
        return ChatReply(Generation(mailbox), Plain())


class Full(Script):
    """As many requests wait as may."""

    def chat(self, *_messages, **_options):
        raise EngineBusy(7)


class Breaking(Script):
    """Fails after its first words."""

    def chat(self, *messages, **options):
        reply = super().chat(*messages, **options)
        reply._request._mailbox._outcome = RuntimeError("at /home/ann/model.gguf")
        return reply


class Plain:
    def push(self, text):
        return [TextDelta(text)]

    def finish(self):
        return []


def served(*models):
    return ServedModels(
        [ServedModel(model.name, model.role, lambda model=model: model, created=7) for model in models]
    )


def events(response):
    """The JSON of every event; the last has to say that it was."""
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


class Continuing(Script):
    """Continues texts, too: with what it was written, token by token."""

    def complete(self, prompt, params=None, **_options):
        self.prompts = [*getattr(self, "prompts", []), (prompt, params)]
        mailbox = Mailbox(lambda: None)
        logprobs = tuple(ChosenLogprob(1, word, -0.5, word.encode()) for word in (" and", " on"))
        for chosen in logprobs:
            mailbox.push(Piece(chosen.text, 1, (chosen,) if params.logprobs else ()))
        usage = Usage(2, 2)
        mailbox.finish(Completion(" and on", "length", usage, logprobs=logprobs if params.logprobs else None))
        return Generation(mailbox)


class Rated(Script):
    """Says how likely each of its three tokens was; a piece is two of them."""

    def chat(self, _messages, params, **_options):
        given = tuple(ChosenLogprob(1, word, -0.5, word.encode()) for word in ("one", " two", " three"))
        mailbox = Mailbox(lambda: None)
        for text, tokens in (("one", given[:1]), (" two three", given[1:])):
            mailbox.push(Piece(text, len(tokens), tokens if params.logprobs else ()))
        logprobs = given if params.logprobs else None
        mailbox.finish(Completion("one two three", "stop", Usage(1, 3), logprobs=logprobs))
        return ChatReply(Generation(mailbox), Plain())


class Hashed(HashEmbedder):
    """An embedder as a server has them."""

    role = "embedder"
    name = "hash"
    path = Path("hash.gguf")

    async def aembed_documents(self, texts):
        return self.embed_documents(texts)

    async def aembed_query(self, text):
        return -self.embed_query(text)

    def close(self):
        pass


class Ranker:
    """Ranks documents by their length, the shortest first."""

    role = "reranker"
    name = "short-first"

    async def arerank(self, _query, documents, *, top_n=None):
        order = sorted(range(len(documents)), key=lambda index: len(documents[index]))
        return [RankedDocument(index, 1 / (1 + len(documents[index]))) for index in order[:top_n]]

    def close(self):
        pass
