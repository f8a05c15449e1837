"""Every template, in two vocabularies, asked in every way: its prompts, its rules, and how answers are read.

A usual run takes a sample of the ways, `make matrix` all of them; see `answer_matrix`.
"""

import json
import random
from dataclasses import replace
from itertools import product

import jsonschema
import pytest
from answer_matrix import (
    BUDGET,
    FINAL,
    IS_WHOLE,
    NOW,
    PARIS,
    REASONING,
    TOOLS,
    Case,
    Model,
    Reader,
    cases,
    conversation,
)
from call_conversation import TOOLS as SMALL_TOOLS
from call_conversation import chain
from chat_templates import REAL_TEMPLATES
from format_templates import SMALL
from talkers import talkers

from gpt4all_core.chat.marks import MARK
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.chat_format import ChatRequest
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.types import Message, Tool, ToolUse

TALKERS = talkers()
PARAMETERS = {tool.name: tool.parameters for tool in TOOLS}
WALKS = 2 if IS_WHOLE else 1
AS_USUAL = Case("auto", is_parallel=True, reasoning="as it likes", has_schema=False)

every_template = pytest.mark.parametrize("name", TALKERS)


@pytest.fixture(scope="module")
def weights(starter_model):
    weights = LlamaWeights(starter_model)
    yield weights
    weights.close()


@pytest.fixture(scope="module")
def models(weights):
    """By template and vocabulary, each made once."""
    made = {}

    def model(name, *, has_tokens):
        if (name, has_tokens) not in made:
            made[name, has_tokens] = Model(TALKERS[name], weights, has_tokens)
        return made[name, has_tokens]

    return model


@pytest.fixture(params=[False, True], ids=["text", "tokens"])
def has_tokens(request):
    return request.param


def test_the_real_templates_are_here():
    if not REAL_TEMPLATES.is_dir():
        pytest.skip("the collection of real templates is not on this disk; the small ones are tested")
    assert len(TALKERS) == len(SMALL) + len(list(REAL_TEMPLATES.glob("*.jinja"))) > len(SMALL) + 30


@pytest.mark.parametrize("name", SMALL)
def test_a_small_template_is_taken_for_its_format_and_writes_the_expected_prompt(models, name, has_tokens):
    row = SMALL[name]
    chat = models(name, has_tokens=has_tokens).chat
    assert chat.dialect(has_tools=True).tools.name == row.format_name
    request = ChatRequest(chain(row.ids), ToolUse(SMALL_TOOLS))
    assert chat.render(request).text == row.expected


@every_template
def test_a_prompt_has_everything_once_and_no_old_thought(models, name, has_tokens):
    model = models(name, has_tokens=has_tokens)
    asked = {replace(case, has_schema=False) for case in cases(model.talker, has_tokens=has_tokens)}
    for case, is_over in product(sorted(asked, key=repr), (True, False)):
        messages, words = conversation(model.talker.ids, is_over=is_over)
        request = case.request(messages)
        prepared = model.prepare(request)
        prompt = "".join(segment.text for segment in prepared.segments)
        assert [prompt.count(word) for word in words] == [1] * len(words), case
        said = words[1:]  # some templates put what the system says elsewhere
        places = [prompt.find(word) for word in said]
        assert places == sorted(places), case
        assert "old thought" not in prompt, case
        assert prompt.count("thought of now") <= (not is_over), case
        offered = callable_tools(request.tool_use)
        for tool in TOOLS:
            assert prompt.count(tool.description) == (tool in offered), (case, tool.name)
        assert ("In which town." in prompt) == (TOOLS[0] in offered), case


SHOWS_THOUGHTS = ["hermes", "deepseek r1", "kimi k2", "nemotron", "glm 4", "minimax m2"]


@pytest.mark.parametrize("name", SHOWS_THOUGHTS)
def test_a_running_chain_shows_its_thought_where_the_template_does(models, name):
    model = models(name, has_tokens=False)
    messages, _ = conversation(model.talker.ids, is_over=False)
    assert model.chat.render(AS_USUAL.request(messages)).text.count("thought of now") == 1


@every_template
def test_whatever_a_rule_lets_through_is_read_as_what_was_asked_for(models, name, has_tokens):
    model = models(name, has_tokens=has_tokens)
    asked = cases(model.talker, has_tokens=has_tokens)
    ended = 0
    for case in asked:
        request = case.request()
        prepared = model.prepare(request)
        rule, reader = model.rule(prepared, request.answer), Reader(prepared)
        spelled = {mark for mark, token in model.stand_ins.items() if f"<[{token}]>" in (prepared.rule or "")}
        assert spelled <= prepared.markers, case  # or nobody would see them
        draw = random.Random(f"{name} {has_tokens} {case}")
        hints = hints_for(model, prepared)
        answers = [text for _ in range(WALKS) if (text := rule.walk(draw, hints)) is not None]
        ended += len(answers)
        for text in answers:
            answer = reader.read([text])
            check_answer(case, answer, text)
            for pieces in (text, *two_pieces(text, draw.sample(range(len(text) + 1), min(len(text), 4)))):
                assert reader.read(pieces) == answer, (case, pieces)
    assert ended > WALKS * len(asked) / 4


def hints_for(model, prepared):
    """What ends a thought, begins a call, and stands around what is said."""
    dialect = model.dialect
    call = model.written([NOW])
    marks = [*sorted(dialect.markers), call, call.partition("now")[0], "\n", "Well, ", '{"name": "']
    if dialect.reasoning is not None:
        marks += [dialect.reasoning.end] * len(marks)
    if dialect.tools.name == "harmony":
        marks += ["<|end|>", "<|start|>assistant", "<|channel|>final<|message|>"] * 4
    if dialect.tools.name == "functionary 3.2":
        marks += [">>>"] * 4
    return marks


def two_pieces(text, places):
    return [(text[:place], text[place:]) for place in places]


def check_answer(case, answer, text):
    what = (case, text)
    assert answer.failures == (), what
    for tool, arguments in answer.named_calls:
        jsonschema.validate(arguments, PARAMETERS[tool])
        assert tool in allowed_names(case.choice), what
    calls = len(answer.calls)
    assert calls <= 1 or (case.is_parallel and case.choice != "now"), what
    if case.choice in {"required", "now"}:
        assert calls, what
        assert not answer.text.strip(), what
    elif case.has_schema and calls:
        assert not answer.text.strip(), what
    elif case.has_schema:
        jsonschema.validate(json.loads(answer.text), FINAL)
    if case.reasoning == "off":
        assert answer.thought == "", what


def allowed_names(choice):
    return {"none": set(), "now": {"now"}}.get(choice, set(PARAMETERS))


@every_template
def test_what_a_template_writes_is_allowed_and_read_however_it_is_split(models, name):
    model = models(name, has_tokens=False)
    calls = [PARIS, NOW][: model.talker.most_calls]
    prepared = model.prepare(AS_USUAL.request())
    rule, reader = model.rule(prepared), Reader(prepared)
    text = model.written(calls, said="I look." if model.talker.can_follow_text else "")
    assert rule.accepts(text)
    answer = reader.read([text])
    assert answer.named_calls == calls
    assert (answer.text.strip() == "I look.") == model.talker.can_follow_text
    assert not answer.failures
    assert reader.read(text) == answer
    for pieces in two_pieces(text, range(1, len(text))):
        assert reader.read(pieces) == answer, pieces
        check_cut(reader.read(pieces[:1]), calls)


def check_cut(answer, calls):
    """A part of an answer has some of its calls, each whole, or failed."""
    assert answer.named_calls == calls[: len(answer.calls)]
    assert len(answer.calls) + len(answer.failures) <= len(calls)


@every_template
def test_a_thought_is_read_where_the_template_writes_it(models, name, has_tokens):
    model = models(name, has_tokens=has_tokens)
    text = model.written([NOW], thought="Because.\n\nOf <b> that.")
    prepared = model.prepare(Case("auto", True, "on", False).request())
    answer = Reader(prepared).read([text])
    assert answer.thought.strip() == ("Because.\n\nOf <b> that." if "Because." in text else "")
    assert (answer.named_calls, answer.text.strip()) == ([NOW], "")
    assert Reader(prepared).read(text) == answer
    assert model.rule(prepared).accepts(text)
    if "Because." not in text:
        assert name not in SHOWS_THOUGHTS


HARD = {
    "quotes": 'say "yes", it\'s\\ \\n {"a": [1]} }, ] </b>',
    "lines": "one\n\n\ttwo\r\nthree",
    "other writing": "日本 東京タワー 🎉👩‍🚀 naïve ﷺ",
    "empty": "",
    "long": "on and on, " * 60,
}
VALUES = {
    "count": -3,
    "ratio": 0.25,
    "is_urgent": True,
    "tags": ["a, b", "", "]"],
    "owner": {"name": 'A "b"', "ages": [1, {"deep": [[], {}, None]}]},
}
NOTE = Tool(
    "note",
    "Writes.",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "count": {"type": "integer"},
            "ratio": {"type": "number"},
            "is_urgent": {"type": "boolean"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "owner": {"type": "object"},
        },
    },
)


@every_template
@pytest.mark.parametrize("kind", HARD)
def test_hard_arguments_are_read_as_they_were_written(models, name, kind):
    model = models(name, has_tokens=False)
    call = ("note", {"text": HARD[kind], **(VALUES if kind == "quotes" else {})})
    reader = Reader(model.prepare(ChatRequest((Message("user", "Go on."),), ToolUse((NOTE,)))))
    text = model.written([call])
    answer = reader.read([text])
    assert (answer.named_calls, answer.failures, answer.text.strip()) == ([call], (), "")
    assert reader.read(text) == answer


@pytest.mark.parametrize("name", [name for name, talker in TALKERS.items() if talker.most_calls > 1])
def test_twin_calls_are_two_calls(models, name):
    model = models(name, has_tokens=False)
    twins = [PARIS, PARIS, NOW, NOW][: model.talker.most_calls]
    prepared = model.prepare(AS_USUAL.request())
    text = model.written(twins)
    answer = Reader(prepared).read([text])
    assert answer.named_calls == twins
    assert len({call.id for call in answer.calls}) == len(twins)
    first, second = (model.talker.ids.format(number) for number in range(2))
    assert Reader(prepared).read([text.replace(second, first)]) == answer  # whose ids are its own again
    assert model.rule(prepared).accepts(text)


WRONG = {
    "no such tool": ("fly", {}),
    "nothing required": ("weather", {}),
    "not among the values": ("weather", {"city": "Rome", "days": 3}),
    "too large": ("weather", {"city": "Paris", "days": 15}),
    "not declared": ("weather", {"city": "Paris", "days": 3, "else": 1}),
    "arguments of a call without any": ("now", {"zone": "UTC"}),
}


@every_template
def test_calls_that_were_not_asked_for_cannot_be_written(models, name, has_tokens):
    model = models(name, has_tokens=has_tokens)
    right, other = model.written([NOW]), model.written([PARIS])
    several = model.talker.most_calls > 1
    two, twins = (model.written([first, NOW]) for first in (PARIS, NOW)) if several else ("", "")
    wrong = [model.written([call]) for call in WRONG.values()]
    for choice, is_parallel in product(("auto", "required", "now", "none"), (True, False)):
        rule = model.rule(model.prepare(Case(choice, is_parallel, "as it likes", False).request()))
        assert rule.accepts(right) == (choice != "none"), choice
        assert rule.accepts(other) == (choice in {"auto", "required"}), choice
        assert not any(map(rule.accepts, wrong)), choice
        if several:
            assert rule.accepts(two) == (is_parallel and choice in {"auto", "required"}), choice
            assert rule.accepts(twins) == (is_parallel and choice in {"auto", "required"}), choice


@every_template
def test_thoughts_are_ruled_as_they_were_asked_for(models, name, has_tokens):
    model = models(name, has_tokens=has_tokens)
    tags = model.dialect.reasoning
    if tags is None:
        rules = {
            model.prepare(Case("auto", True, reasoning, False).request()).rule for reasoning in REASONING
        }
        assert len(rules) == (3 if model.dialect.tools.name == "harmony" else 1)
        return
    thought = "word " * (3 * BUDGET)
    for reasoning in REASONING:
        prepared = model.prepare(Case("auto", True, reasoning, False).request())
        opens = "".join(segment.text for segment in prepared.segments).rstrip().endswith(tags.start)
        rule = model.rule(prepared)
        assert prepared.markers.issuperset(MARK.findall(f"{tags.start}{tags.end}"))
        begun = thought if opens else f"{tags.start}\n{thought}"
        assert rule.begins(begun) == (reasoning in {"as it likes", "on"}), reasoning
        assert rule.begins(f"{'' if opens else tags.start}\n{tags.end}"), reasoning


@every_template
def test_nothing_is_read_as_a_call_where_calls_are_forbidden(models, name):
    model = models(name, has_tokens=False)
    reader = Reader(model.prepare(Case("none", True, "as it likes", False).request()))
    text = model.written([PARIS, NOW][: model.talker.most_calls])
    for pieces in ([text], text):
        answer = reader.read(pieces)
        assert (answer.calls, answer.failures) == ((), ())


@every_template
def test_hostile_text_is_read_alike_however_it_comes(models, name):
    """Parts of calls in any order: no exception, no call whose arguments are no JSON."""
    model = models(name, has_tokens=False)
    reader = Reader(model.prepare(AS_USUAL.request()))
    text = model.written([PARIS, NOW][: model.talker.most_calls], said="So.")
    parts = [part for part in MARK.split(text) + MARK.findall(text) if part] + [
        '"',
        "{",
        "}]",
        "\n",
        "<",
        "\\",
    ]
    draw = random.Random(name)
    for _ in range(12):
        hostile = "".join(draw.choices(parts, k=14))
        answer = reader.read([hostile])
        for _tool, arguments in answer.named_calls:
            assert isinstance(arguments, dict)
        assert reader.read(hostile) == answer, hostile
        for pieces in two_pieces(hostile, range(0, len(hostile), 9)):
            assert reader.read(pieces) == answer, pieces
