"""What a chat's answer is read as, whoever reads it, and however it ends."""

import asyncio
import gc
import threading

import pytest

from gpt4all_core.chat.dialect import Dialect, ReasoningTags
from gpt4all_core.chat.text_states import TextStates
from gpt4all_core.chat.tool_formats.prompted import PROMPTED
from gpt4all_core.chat_reply import ChatReply, call_ids
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.errors import GenerationCancelled, GenerationError
from gpt4all_core.types import (
    ChosenLogprob,
    Completion,
    Piece,
    ReasoningDelta,
    TextDelta,
    Tool,
    ToolCallStart,
    ToolUse,
    Usage,
)

THINKING = Dialect(PROMPTED, "prompted", reasoning=ReasoningTags("<think>", "</think>"))


class Asked:
    """A request whose text the test writes."""

    def __init__(self, tools=None):
        self.cancels = 0
        self.mailbox = Mailbox(self.note_cancel)
        reader = TextStates(THINKING, tools, opens_thought=False, new_id=call_ids())
        self.reply = ChatReply(Generation(self.mailbox), reader)
        self.written = 0

    def note_cancel(self):
        self.cancels += 1

    def write(self, *texts):
        for text in texts:
            self.mailbox.push(Piece(text, 1))
        self.written += len(texts)

    def end(self, reason="stop"):
        self.mailbox.finish(Completion("all of it", reason, Usage(1, self.written)))


def collect(reply):
    return list(reply.events)


def collect_in_a_loop(reply):
    async def collect():
        return [event async for event in reply.events]

    return asyncio.run(collect())


FACES = pytest.mark.parametrize("read", [collect, collect_in_a_loop])


@FACES
def test_events_are_told_once_and_the_result_has_them_all(read):
    asked = Asked()
    asked.write("<think>", "so", "</think>", "Yes", ".")
    asked.end()
    assert read(asked.reply) == [ReasoningDelta("so"), TextDelta("Yes"), TextDelta(".")]
    assert read(asked.reply) == []
    completion = asked.reply.result()
    assert (completion.text, completion.reasoning) == ("Yes.", "so")
    assert asyncio.run(asked.reply.aresult()) == completion


@FACES
def test_the_result_first_takes_no_event_away(read):
    asked = Asked()
    asked.write("Yes", ".")
    asked.end()
    assert asked.reply.result().text == "Yes."
    assert read(asked.reply) == [TextDelta("Yes"), TextDelta(".")]


@FACES
def test_a_failure_comes_behind_the_events_that_were_there(read):
    asked = Asked()
    asked.write("Yes", ".")
    asked.mailbox.finish(GenerationError("broken"))
    events = iter(asked.reply.events)
    assert next(events) == TextDelta("Yes")
    with pytest.raises(GenerationError, match="broken"):
        read(asked.reply)
    with pytest.raises(GenerationError, match="broken"):
        asked.reply.result()


def test_who_leaves_early_or_lets_go_of_it_cancels_the_request():
    asked = Asked()
    asked.write("Yes", ".")
    for _ in asked.reply.events:
        break
    assert asked.cancels == 1
    left = Asked()
    events = left.reply.events
    del left.reply
    gc.collect()
    assert left.cancels == 0  # the events can still be read
    del events
    gc.collect()
    assert left.cancels == 1


def test_after_a_cancel_the_result_says_so():
    asked = Asked()
    asked.write("Yes")
    asked.reply.cancel()
    asked.mailbox.finish(GenerationCancelled("cancelled"))
    with pytest.raises(GenerationCancelled):
        asked.reply.result()


@pytest.mark.parametrize(
    ("texts", "reasoning", "tokens"),
    [
        (["<think>", "a", " b"], "a b", 3),
        (["<think>", "a", " "], "a ", 3),
        (["<think>", "a", " <"], "a <", 3),
        (["<think>", "a", "</th"], "a</th", 3),
        (["<think>", "a", "</think>", "b"], "a", 2),
        (["a", "b"], "", 0),
        (["<thi"], "", 0),
    ],
)
def test_tokens_of_a_thought_are_counted_wherever_it_is_cut(texts, reasoning, tokens):
    asked = Asked()
    asked.write(*texts)
    asked.end("length")
    completion = asked.reply.result()
    assert completion.reasoning == reasoning
    assert completion.usage.reasoning_tokens == tokens
    assert completion.finish_reason == "length"


@pytest.mark.parametrize(("reason", "told"), [("stop", "tool_calls"), ("length", "length")])
def test_calls_are_why_an_answer_ended_unless_it_was_cut(reason, told):
    asked = Asked(ToolUse((Tool("now"),)))
    asked.write('{"tool_calls": [{"name": "now", "arguments": {}}]}')
    asked.end(reason)
    completion = asked.reply.result()
    assert [call.name for call in completion.tool_calls] == ["now"]
    assert completion.finish_reason == told
    assert isinstance(next(iter(asked.reply.events)), ToolCallStart)


def test_a_thread_that_iterates_and_one_that_waits_put_the_text_together_alike(monkeypatch):
    words = [f"{number} " for number in range(12)]
    is_taken, is_told = threading.Event(), threading.Event()
    take = Generation.take

    def take_and_linger(self):
        piece = take(self)
        if threading.current_thread() is reader and not is_taken.is_set():
            is_taken.set()
            is_told.wait(0.2)  # as long as it may, the other reads on
        return piece

    monkeypatch.setattr(Generation, "take", take_and_linger)
    asked = Asked()
    asked.write(*words)
    asked.end()
    seen = []
    reader = threading.Thread(target=lambda: seen.extend(asked.reply))
    reader.start()
    assert is_taken.wait(60)
    text = asked.reply.result(60).text
    is_told.set()
    reader.join(60)
    assert text == "".join(words)
    assert "".join(seen) == text


def test_log_probabilities_are_taken_once_with_the_events_of_their_tokens():
    tokens = [ChosenLogprob(number, text, -0.5, text.encode()) for number, text in enumerate("abc")]
    asked = Asked()
    asked.mailbox.push(Piece("a", 1, tuple(tokens[:1])))
    asked.mailbox.push(Piece("bc", 2, tuple(tokens[1:])))
    asked.mailbox.finish(Completion("abc", "stop", Usage(1, 3), logprobs=tuple(tokens)))
    taken = [asked.reply.take_logprobs() for _ in asked.reply.events]
    assert taken == [tuple(tokens[:1]), tuple(tokens[1:])]
    assert asked.reply.take_logprobs() == ()
    assert asked.reply.result().logprobs == tuple(tokens)
