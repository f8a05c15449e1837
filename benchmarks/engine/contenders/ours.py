"""gpt4all_core.LocalModel: one thread a request, as a program would use it."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.engine.asks import Answered, Ask
from benchmarks.engine.contender import Conversation, Setup
from gpt4all_core import Completion, Generation, GenerationParams, LocalModel, Message


class Ours:
    is_concurrent = True

    def __init__(self, setup: Setup) -> None:
        self.model = LocalModel(
            setup.model,
            threads=setup.threads,
            context_size=setup.context_size,
            cache_dir=setup.cache_dir,
        ).open()

    def stream(self, conversation: Conversation, tokens: int) -> Iterator[str]:
        yield from self.model.chat(_messages(conversation), _params(tokens))

    def complete_all(self, conversations: Sequence[Conversation], tokens: int) -> int:
        with ThreadPoolExecutor(len(conversations)) as threads:
            answers = threads.map(lambda conversation: self.answer(conversation, tokens), conversations)
            return sum(answer.usage.completion_tokens for answer in answers)

    def answer(self, conversation: Conversation, tokens: int) -> Completion:
        return self.model.chat(_messages(conversation), _params(tokens)).result()

    def ask(self, ask: Ask) -> Answered:
        params = GenerationParams(
            temperature=0,
            max_tokens=ask.tokens,
            logprobs=bool(ask.top_logprobs),
            top_logprobs=ask.top_logprobs,
            prompt_lookup=ask.prompt_lookup,
        )
        rule = None if ask.schema is None else self.model.constrain(schema=ask.schema)
        started = time.perf_counter()
        reply: Generation
        if ask.text:
            reply = self.model.complete(ask.text, params, constraint=rule)
        else:
            reply = self.model.chat(_messages(ask.conversation), params, constraint=rule)
        times = [time.perf_counter() for _ in reply]
        completion = reply.result()
        total_s = time.perf_counter() - started
        return Answered(completion.text, completion.usage.completion_tokens, times[0] - started, total_s)

    def continue_all(self, prompts: Sequence[str], tokens: int) -> tuple[int, int]:
        """Continue plain texts at once: prompt tokens that were decoded, and tokens produced."""
        before = self.model.counters.decoded_tokens
        handles = [self.model.complete(prompt, _params(tokens)) for prompt in prompts]
        usages = [handle.result().usage for handle in handles]
        produced = sum(usage.completion_tokens for usage in usages)
        # The last token of an answer is produced but not decoded.
        return self.model.counters.decoded_tokens - before - (produced - len(prompts)), produced

    def prompt_tokens(self, conversation: Conversation) -> int:
        return self.model.count_message_tokens(_messages(conversation))

    def reused_tokens(self) -> int:
        """Prompt tokens found in a cache since the model was opened."""
        return self.model.counters.reused_tokens

    def close(self) -> None:
        self.model.close()


def open_contender(setup: Setup) -> Ours:
    return Ours(setup)


def _messages(conversation: Conversation) -> list[Message]:
    return [Message(role, text) for role, text in conversation]


def _params(tokens: int) -> GenerationParams:
    return GenerationParams(temperature=0, max_tokens=tokens)
