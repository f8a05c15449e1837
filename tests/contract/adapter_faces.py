"""The two adapters' chat models behind one set of names, so that one test can ask both."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from llama_index.core.llms import ChatMessage

from langchain_gpt4all import ChatGPT4All
from llamaindex_gpt4all import GPT4All

MODEL = "smollm2-135m-instruct"
MESSAGES = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}


class Seen(NamedTuple):
    """What an adapter's user gets to see of an answer."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class LangChainFace:
    def __init__(self, **arguments):
        self.model = ChatGPT4All(model=MODEL, **arguments)

    def messages(self, talk):
        return [MESSAGES[role](text) for role, text in talk]

    def chat(self, talk, **overrides):
        return self.seen(self.model.invoke(self.messages(talk), **overrides))

    async def achat(self, talk, **overrides):
        return self.seen(await self.model.ainvoke(self.messages(talk), **overrides))

    def pieces(self, talk, **overrides):
        return self.model.stream(self.messages(talk), **overrides)

    def apieces(self, talk, **overrides):
        return self.model.astream(self.messages(talk), **overrides)

    def stream(self, talk, **overrides):
        chunks = list(self.pieces(talk, **overrides))
        return self.seen(sum(chunks[1:], chunks[0]))

    async def astream(self, talk, **overrides):
        chunks = [chunk async for chunk in self.apieces(talk, **overrides)]
        return self.seen(sum(chunks[1:], chunks[0]))

    def many(self, talks):
        return [self.seen(reply) for reply in self.model.batch([self.messages(talk) for talk in talks])]

    async def amany(self, talks):
        replies = await self.model.abatch([self.messages(talk) for talk in talks])
        return [self.seen(reply) for reply in replies]

    def cached_tokens(self, talk):
        usage = self.model.invoke(self.messages(talk)).usage_metadata
        return usage["input_token_details"]["cache_read"]

    def seen(self, reply):
        usage = reply.usage_metadata
        return Seen(reply.content, usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])


class LlamaIndexFace:
    def __init__(self, **arguments):
        self.model = GPT4All(model=MODEL, **arguments)

    def messages(self, talk):
        return [ChatMessage(role=role, content=text) for role, text in talk]

    def chat(self, talk, **overrides):
        return self.seen(self.model.chat(self.messages(talk), **overrides))

    async def achat(self, talk, **overrides):
        return self.seen(await self.model.achat(self.messages(talk), **overrides))

    def pieces(self, talk, **overrides):
        return self.model.stream_chat(self.messages(talk), **overrides)

    async def apieces(self, talk, **overrides):
        async for response in await self.model.astream_chat(self.messages(talk), **overrides):
            yield response

    def stream(self, talk, **overrides):
        return self.seen(list(self.pieces(talk, **overrides))[-1])

    async def astream(self, talk, **overrides):
        return self.seen([response async for response in self.apieces(talk, **overrides)][-1])

    def many(self, talks):
        with ThreadPoolExecutor(len(talks)) as threads:
            return list(threads.map(self.chat, talks))

    async def amany(self, talks):
        return await asyncio.gather(*(self.achat(talk) for talk in talks))

    def cached_tokens(self, talk):
        return self.model.chat(self.messages(talk)).raw["usage"]["cached_tokens"]

    def seen(self, response):
        usage = response.additional_kwargs
        counts = (usage[f"{kind}_tokens"] for kind in ("prompt", "completion", "total"))
        return Seen(response.message.content or "", *counts)


FACES = [LangChainFace, LlamaIndexFace]
