import json

import pytest
from call_texts import TOOLS, read_answer

from gpt4all_core.chat.tool_formats.prompted import PROMPTED, prompted_messages
from gpt4all_core.types import Image, Message, ToolCall, ToolUse

CALLS = (ToolCall("a", "find", '{"place": "Zürich"}'), ToolCall("b", "find", '{"place": "Bern"}'))
CONVERSATION = (
    Message("system", "Be brief."),
    Message("user", "Where?"),
    Message("assistant", None, tool_calls=CALLS),
    Message("tool", "in Bern", tool_call_id="b"),
    Message("tool", "in Zürich", tool_call_id="a"),
    Message("user", "Thanks."),
)


def test_tools_are_described_in_the_system_message():
    system, *others = prompted_messages(
        [Message("system", "Be brief."), Message("user", "Hi")], ToolUse(TOOLS)
    )
    assert system.role == "system"
    assert system.text.startswith("Be brief.\n\n")
    for tool in TOOLS:
        line = next(line for line in system.text.splitlines() if f'"{tool.name}"' in line)
        assert json.loads(line) == {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        }
    assert others == [Message("user", "Hi")]


def test_a_conversation_without_a_system_message_gets_one():
    first, second = prompted_messages([Message("user", "Hi")], ToolUse(TOOLS))
    assert (first.role, second) == ("system", Message("user", "Hi"))
    pictured = prompted_messages([Message("system", ("Look.", Image(b"x")))], ToolUse(TOOLS))[0]
    assert pictured.media == (Image(b"x"),)
    assert pictured.text.startswith("Look.\n\n")


def test_the_rule_says_whether_and_how_many_calls_are_wanted():
    def rule(**options):
        return prompted_messages([Message("user", "Hi")], ToolUse(TOOLS, **options))[0].text

    rules = [
        rule(),
        rule(choice="required"),
        rule(is_parallel=False),
        rule(choice="required", is_parallel=False),
    ]
    assert len(set(rules)) == 4
    named = rule(choice="now")
    assert '"now"' in named
    assert '"find"' not in named


def test_tools_that_may_not_be_called_are_not_described():
    messages = (Message("user", "Hi"),)
    for tools in (None, ToolUse(()), ToolUse(TOOLS, "none")):
        assert prompted_messages(messages, tools) == messages


def test_earlier_calls_are_written_as_the_model_is_to_write_them():
    for tools in (None, ToolUse(TOOLS)):
        plain = prompted_messages(CONVERSATION, tools)
        assert [message.role for message in plain] == ["system", "user", "assistant", "user", "user"]
        assert all(message.tool_calls == () for message in plain)
        calls = read_answer(PROMPTED, [plain[2].text]).calls
        assert [(call.name, call.arguments) for call in calls] == [(c.name, c.arguments) for c in CALLS]


def test_results_stand_in_the_order_of_their_calls_under_their_names():
    results = json.loads(prompted_messages(CONVERSATION, None)[3].text)
    assert results == {
        "tool_results": [{"name": "find", "result": "in Zürich"}, {"name": "find", "result": "in Bern"}]
    }


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ('{"answer":"27 days"}', '{"answer":"27 days"}'),
        ('\n[{"day": 1}]\n', '[{"day": 1}]'),
        ('27 "days"', '"27 \\"days\\""'),
        ('{"answer": ', '"{\\"answer\\": "'),
        ("27", '"27"'),
        ("[" * 100_000, f'"{"[" * 100_000}"'),
    ],
    ids=["object", "array", "words", "half an object", "number", "deep"],
)
def test_a_result_is_quoted_unless_it_is_an_object_or_array(told, written):
    result = Message("tool", told, name="find")
    assert prompted_messages([result], None)[0].text == (
        f'{{"tool_results": [{{"name": "find", "result": {written}}}]}}'
    )


def test_what_was_said_beside_a_call_is_kept():
    said = Message("assistant", "I look.", tool_calls=CALLS[:1])
    assert prompted_messages([said], None)[0].text.startswith("I look.\n\n{")
