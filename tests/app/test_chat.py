import json

import pytest

from gpt4all_core.errors import ContextOverflow
from gpt4all_core.testing import ScriptedChatModel
from gpt4all_core.types import TextDelta


class InterruptedModel(ScriptedChatModel):
    """Ctrl-C comes after the first words of the first answer."""

    def chat(self, messages, params=None, *, constraint=None, prefill=""):
        reply = super().chat(messages, params, constraint=constraint, prefill=prefill)
        return _Interrupted() if len(self.calls) == 1 else reply


class _Interrupted:
    @property
    def events(self):
        yield TextDelta("Once upon")
        raise KeyboardInterrupt

    def cancel(self):
        """Nothing is under way."""


def contents(call):
    return [message.content for message in call.messages]


def test_piped_lines_are_answered_one_after_the_other_in_one_conversation(gpt4all, say):
    gpt4all.model = ScriptedChatModel(["One.", "Two."])
    say("first\n\nsecond\n")
    found = gpt4all("chat")
    assert (found.code, found.out, found.err) == (0, "One.\nTwo.\n", "")
    assert contents(gpt4all.model.calls[1]) == ["first", "One.", "second"]


def test_a_system_message_comes_first_and_outlives_a_reset(gpt4all, say):
    say("a\n/reset\nb\n")
    gpt4all("chat", "--system", "Be brief.")
    assert [contents(call) for call in gpt4all.model.calls] == [["Be brief.", "a"], ["Be brief.", "b"]]


def test_the_length_of_answers_can_be_limited(gpt4all, say):
    gpt4all.model = ScriptedChatModel(["one two three four"])
    say("count\n")
    found = gpt4all("chat", "--max-tokens", 2)
    assert found.out.split()[:2] == ["one", "two"]
    assert "four" not in found.out
    assert "the answer was cut off" in found.err


@pytest.mark.parametrize(
    ("line", "reaction"), [("/help", "/reset"), ("/nonsense", "there is no command /nonsense")]
)
def test_commands_are_not_sent_to_the_model(gpt4all, say, line, reaction):
    say(f"{line}\n")
    assert reaction in gpt4all("chat").err
    assert gpt4all.model.calls == []


def test_a_message_may_begin_with_a_slash(gpt4all, say):
    say("/etc/hosts is what?\n")
    gpt4all("chat")
    assert contents(gpt4all.model.calls[0]) == ["/etc/hosts is what?"]


def test_exit_leaves_the_rest_unanswered(gpt4all, say):
    say("a\n/exit\nb\n")
    assert gpt4all("chat").code == 0
    assert len(gpt4all.model.calls) == 1


def test_a_full_context_loses_the_oldest_turns_with_a_note_and_the_file_does_not(gpt4all, say, tmp_path):
    gpt4all.model = ScriptedChatModel(["word " * 30], context_size=280)
    say(f"one\ntwo\nthree\nfour\n/save {tmp_path / 'talk.jsonl'}\n")
    found = gpt4all("chat")
    assert [call.messages[0].content for call in gpt4all.model.calls] == ["one", "one", "one", "three"]
    assert "the context of 280 tokens is full: the model does not see the first 4 turns any more" in found.err
    assert found.err.endswith(f"8 turns in {tmp_path / 'talk.jsonl'}\n")


def test_json_is_one_document_a_line(gpt4all, say):
    gpt4all.model = ScriptedChatModel(["One.\nAnd a half.", "Two."])
    say("first\nsecond\n")
    found = gpt4all("chat", "--json")
    lines = [json.loads(line) for line in found.out.splitlines()]
    assert [set(line) for line in lines] == [
        {"message", "text", "reasoning", "finish_reason", "usage", "timing"}
    ] * 2
    assert [line["text"] for line in lines] == ["One.\nAnd a half.", "Two."]


def test_ctrl_c_stops_the_answer_and_keeps_what_was_said(gpt4all, say):
    gpt4all.model = InterruptedModel(["unused", "Fine."])
    say("tell\ngo on\n", is_typed=True)
    found = gpt4all("chat")
    assert found.code == 0
    assert contents(gpt4all.model.calls[1]) == ["tell", "Once upon", "go on"]
    assert found.out == "Once upon\nFine.\n"


def test_ctrl_c_ends_a_run_over_a_pipe(gpt4all, say):
    gpt4all.model = InterruptedModel()
    say("tell\ngo on\n")
    found = gpt4all("chat")
    assert found.code == 130
    assert found.err == "gpt4all: stopped\n"


@pytest.mark.parametrize(("is_typed", "code"), [(True, 0), (False, 5)])
def test_an_answer_that_fails_ends_a_pipe_and_not_a_conversation(gpt4all, say, is_typed, code):
    def answer(messages):
        if messages[-1].content == "long":
            raise ContextOverflow(5000, 4096)
        return "Fine."

    gpt4all.model = ScriptedChatModel(answer)
    say("long\nshort\n", is_typed=is_typed)
    found = gpt4all("chat")
    assert found.code == code
    assert "5000 tokens" in found.err
    assert ("Fine." in found.out) == (code == 0)


def test_an_error_is_the_last_line_of_json(gpt4all, say):
    def answer(messages):
        if messages[-1].content == "long":
            raise ContextOverflow(5000, 4096)
        return "Fine."

    gpt4all.model = ScriptedChatModel(answer)
    say("short\nlong\n")
    reply, error = map(json.loads, gpt4all("chat", "--json").out.splitlines())
    assert reply["text"] == "Fine."
    assert error["error"]["type"] == "ContextOverflow"


def test_a_model_that_is_missing_is_an_error_before_the_first_question(gpt4all, say):
    gpt4all.model = None
    say("hello\n")
    found = gpt4all("chat", "--model", "no-such-model", "--json")
    assert found.code == 3
    assert found.document["error"]["type"] == "ModelNotFound"
