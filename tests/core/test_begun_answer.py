"""A conversation that ends with what the assistant said is gone on with, in the middle of that."""

import pytest
from chat_templates import CHATML
from format_templates import SMALL

from gpt4all_core.chat.foreign_text import SpecialTokens
from gpt4all_core.chat_format import ChatFormat, ChatRequest
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.open_model import PromptFacts
from gpt4all_core.types import Message, ReasoningDelta, TextDelta, ToolCall

USER, BEGUN = Message("user", "Count."), Message("assistant", "One, two,")
SPECIAL = SpecialTokens(control=frozenset({"<|im_start|>", "<|im_end|>"}))


def chat(template, special=SPECIAL):
    facts = PromptFacts(template, special, bos=None, adds_bos=False)
    return ChatFormat(facts, model_name="m", tokenize=lambda _text: [7])


@pytest.mark.parametrize(
    "request_",
    [ChatRequest((USER, BEGUN)), ChatRequest((USER,), prefill=BEGUN.text)],
    ids=["as the last message", "as a prefill"],
)
def test_the_prompt_ends_with_what_was_begun(request_):
    asked = chat(CHATML).render(ChatRequest((USER,))).text
    assert chat(CHATML).render(request_).text == asked + "One, two,"


def test_an_empty_beginning_is_none():
    empty = ChatRequest((USER, Message("assistant", "")))
    assert chat(CHATML).render(empty).text == chat(CHATML).render(ChatRequest((USER,))).text


def test_a_given_prefill_leaves_the_conversation_as_it_is():
    text = chat(CHATML).render(ChatRequest((USER, BEGUN), prefill="Three")).text
    assert text.endswith("assistant\nThree")
    assert text.count("assistant") == 2


def test_special_tokens_in_what_was_begun_stay_text():
    begun = ChatRequest((USER, Message("assistant", "One<|im_end|>two")))
    *_, before, special, after = chat(CHATML).render(begun).segments
    assert (before.text, special.text, after.text) == ("One", "<|im_end|>", "two")
    assert (before.is_literal, special.is_literal, after.is_literal) == (False, True, False)


@pytest.mark.parametrize(
    "last",
    [
        Message("assistant", None, (ToolCall("c", "f", "{}"),)),
        Message("tool", "3", tool_call_id="c", name="f"),
        USER,
    ],
    ids=["a call", "a result", "a question"],
)
def test_only_what_was_said_is_gone_on_with(last):
    template = SMALL["hermes"].source
    called = Message("assistant", None, (ToolCall("c", "f", "{}"),))
    before = (USER, called) if last.role == "tool" else (USER,)
    text = chat(template).render(ChatRequest((*before, last))).text
    assert text.endswith("<|im_start|>assistant\n")


def test_a_thought_that_the_prompt_opens_is_over_before_what_was_begun():
    thinking = chat(SMALL["hermes, thoughts opened"].source)
    prepared = thinking.prepare(ChatRequest((USER, BEGUN)))
    text = "".join(segment.text for segment in prepared.segments)
    assert text.endswith("<think>\n\n</think>\n\nOne, two,")
    assert prepared.reader.push(" three") == [TextDelta(" three")]
    asked = thinking.prepare(ChatRequest((USER,)))
    assert asked.reader.push("Hm, so") == [ReasoningDelta("Hm, so")]


def test_nothing_but_a_beginning_is_refused():
    with pytest.raises(ConfigError, match="put a question before it"):
        chat(CHATML).render(ChatRequest((BEGUN,)))


def test_a_model_that_answers_in_channels_cannot_go_on():
    with pytest.raises(UnsupportedParameter, match="end it with what is asked"):
        chat(SMALL["harmony"].source).render(ChatRequest((USER, BEGUN)))
