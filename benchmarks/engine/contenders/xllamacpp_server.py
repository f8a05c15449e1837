"""xllamacpp: llama.cpp's own server in this process, one slot a request."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import xllamacpp

from benchmarks.engine.asks import Answered, Ask
from benchmarks.engine.contender import Conversation, Setup


class XLlamaCpp:
    is_concurrent = True

    def __init__(self, setup: Setup) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(setup.model)
        params.n_parallel = setup.width
        params.n_ctx = setup.width * setup.context_size  # shared out evenly between the slots
        params.cpuparams.n_threads = setup.threads
        params.cpuparams_batch.n_threads = setup.threads
        self._server = xllamacpp.Server(params)

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        return (
            text
            for chunk in self._chunks(_request(conversation, tokens))
            if chunk.get("choices") and (text := chunk["choices"][0]["delta"].get("content"))
        )

    def ask(self, ask: Ask) -> Answered:
        request = _request(ask.conversation, ask.tokens) | {"stream_options": {"include_usage": True}}
        if ask.schema is not None:
            rule = {"name": "answer", "schema": ask.schema}
            request["response_format"] = {"type": "json_schema", "json_schema": rule}
        started = time.perf_counter()
        texts, times, tokens = [], [], 0
        for chunk in self._chunks(request):
            text = chunk["choices"][0]["delta"].get("content") if chunk.get("choices") else None
            if text:
                texts.append(text)
                times.append(time.perf_counter())
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
        total_s = time.perf_counter() - started
        return Answered("".join(texts), tokens or len(texts), times[0] - started, total_s)

    def _chunks(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        chunks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        request = request | {"stream": True}

        def run() -> None:
            self._server.handle_chat_completions(request, chunks.put)
            chunks.put(None)

        threading.Thread(target=run, daemon=True).start()
        while (chunk := chunks.get()) is not None:
            yield chunk

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        requests = [_request(conversation, tokens) for conversation in conversations]
        with ThreadPoolExecutor(len(requests)) as threads:
            replies = list(threads.map(self._server.handle_chat_completions, requests))
        return sum(reply["usage"]["completion_tokens"] for reply in replies)

    def close(self) -> None:
        del self._server


def open_contender(setup: Setup) -> XLlamaCpp:
    return XLlamaCpp(setup)


def _request(conversation: Conversation, tokens: int) -> dict[str, Any]:
    messages = [{"role": role, "content": text} for role, text in conversation]
    return {"messages": messages, "max_tokens": tokens, "temperature": 0}
