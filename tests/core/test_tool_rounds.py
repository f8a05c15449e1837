"""How long one question may go on with calls, and what may be called after that."""

import pytest

from gpt4all_core.check_tools import check_tools
from gpt4all_core.errors import ConfigError, OutputError
from gpt4all_core.tool_rounds import tools_left, withheld_tools
from gpt4all_core.types import Message, Tool, ToolCall, ToolUse

WEATHER, ADD, REPORT = (Tool(name) for name in ("weather", "add", "report"))
TOOLS = (WEATHER, ADD, REPORT)
ASKED = Message("user", "What is the weather in Vienna?")


def rounds(*answers):
    """A turn with the calls of each answer, and their results."""
    turns = []
    for number, names in enumerate(answers):
        calls = tuple(ToolCall(f"{number}.{place}", name, "{}") for place, name in enumerate(names.split()))
        turns.append(Message("assistant", None, tool_calls=calls))
        turns += [Message("tool", "21", tool_call_id=call.id) for call in calls]
    return turns


@pytest.mark.parametrize(
    ("choice", "turns", "left", "is_parallel"),
    [
        ("auto", [ASKED, *rounds("weather")], "weather add report", True),
        ("auto", [ASKED, *rounds("weather", "weather")], "", True),
        ("auto", [ASKED, *rounds("weather", "add", "add")], "", True),
        ("auto", [ASKED, *rounds("weather add weather add")], "weather add report", True),
        ("auto", [ASKED, *rounds("weather", "weather"), ASKED], "weather add report", True),
        ("auto", [ASKED, *rounds("weather"), Message("assistant", "Sunny."), *rounds("add")], "", True),
        ("required", [ASKED, *rounds("weather")], "weather add report", True),
        ("required", [ASKED, *rounds("weather", "weather")], "add report", False),
        ("required", [ASKED, *rounds("weather add", "weather")], "report", False),
        ("required", [ASKED, *rounds("weather weather add", "report")], "add report", False),
        ("weather", [ASKED, *rounds("weather", "weather")], "weather", True),
        ("none", [ASKED, *rounds("weather", "weather")], "", True),
    ],
)
def test_rounds_of_the_last_question_decide_what_is_left(choice, turns, left, is_parallel):
    asked = ToolUse(TOOLS, choice, max_rounds=2)
    found = tools_left(asked, turns)
    callable_before = {"none": "", "weather": "weather"}.get(choice, "weather add report").split()
    withheld = withheld_tools(asked, found)
    assert [name for name in callable_before if name not in withheld] == left.split()
    assert set(withheld) <= set(callable_before)
    assert found.is_parallel is is_parallel


def test_a_report_that_is_refused_is_asked_for_again_before_what_was_called_more():
    asked = ToolUse(TOOLS, "required", max_rounds=2)
    turns = [ASKED, *rounds("weather", "weather", "report")]
    for name in ("add", "report", "add", "report"):
        assert name in {tool.name for tool in tools_left(asked, turns).tools}
        turns += rounds(name)


def test_calls_that_are_refused_for_ever_end_in_an_error():
    asked = ToolUse((REPORT,), "required", max_rounds=2)
    assert tools_left(asked, [ASKED, *rounds(*["report"] * 4)]).tools == (REPORT,)
    with pytest.raises(OutputError, match=r"5 rounds .* what report are called with"):
        tools_left(asked, [ASKED, *rounds(*["report"] * 5)])
    assert tools_left(asked, [ASKED, *rounds(*["report"] * 9), ASKED]) == asked


def test_the_answer_to_a_call_that_was_none_is_no_new_question():
    broken = [Message("assistant", '{"city": "Vie'), Message("user", "Error: cut", tool_call_id="b")]
    asked = ToolUse(TOOLS, max_rounds=3)
    assert tools_left(asked, [ASKED, *rounds("weather"), *broken]) == asked
    for turns in ([*rounds("weather"), *broken, *broken], [*broken, *rounds("weather", "weather")]):
        assert tools_left(asked, [ASKED, *turns]).choice == "none"
    spoken = [Message("assistant", "Sunny."), ASKED]
    assert tools_left(asked, [ASKED, *rounds("weather", "weather"), *spoken, *broken]) == asked


def test_without_a_bound_everything_is_left_for_ever():
    asked = ToolUse(TOOLS, max_rounds=None)
    assert tools_left(asked, [ASKED, *rounds(*["weather"] * 99)]) == asked


@pytest.mark.parametrize("max_rounds", [0, -1, True, 1.5, "3"])
def test_a_bound_that_is_none_is_refused(max_rounds):
    with pytest.raises(ConfigError, match=r"max_rounds=.* 1 or more"):
        check_tools(ToolUse(TOOLS, max_rounds=max_rounds))
