"""Templates written for these tests, tags among them that no model has: the dialect must be found out."""

import itertools
import json
from datetime import datetime, timedelta

import pytest
from chat_templates import (
    CHATML,
    HERMES,
    IN_SYSTEM,
    MISTRAL,
    OBJECT,
    ONE_CALL,
    PARTS,
    PYTHON,
    STRICT,
    TAGGED,
    TEXT_ARGUMENTS,
    THOUGHT,
    calling,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpt4all_core.chat import program, sandbox
from gpt4all_core.chat.call_layout import (
    Frame,
    JsonObjectLayout,
    NamedJsonLayout,
    ParameterTags,
    PythonCallLayout,
    TaggedParametersLayout,
)
from gpt4all_core.chat.dialect import ReasoningTags
from gpt4all_core.chat.foreign_text import SpecialTokens
from gpt4all_core.chat.program import TemplateProgram
from gpt4all_core.chat.recognise import recognise
from gpt4all_core.chat.template import ChatTemplate
from gpt4all_core.errors import ConfigError


def recognised(source, time_limit_s=10.0):
    special = SpecialTokens(bos="<s>", eos="</s>")
    return recognise(TemplateProgram(source, special=special, model_name="tiny", time_limit_s=time_limit_s))


LAYOUTS = {
    "objects in tags": (
        calling(call="<<CALL>>" + OBJECT + "<</CALL>>"),
        JsonObjectLayout(Frame(call_start="<<CALL>>", call_end="<</CALL>>")),
    ),
    "a list in tags": (
        calling(call=OBJECT, around=("<do>[", "]</do>"), separator=", "),
        JsonObjectLayout(Frame("<do>[", "]</do>", separator=", ")),
    ),
    "other keys, with an id": (
        calling(
            call='§{"call": "{{ id }}", "fn": "{{ name }}", "with": {{ args | tojson }}}§',
            separator="{{ '\n' }}",
        ),
        JsonObjectLayout(
            Frame(call_start="§", call_end="§", separator="\n"),
            name_key="fn",
            arguments_key="with",
            id_key="call",
            is_id_first=True,
        ),
    ),
    "the name as the key": (
        calling(call='<act>{"{{ name }}": {{ args | tojson }}}</act>'),
        JsonObjectLayout(Frame(call_start="<act>", call_end="</act>"), name_key=None),
    ),
    "an object in an object": (
        calling(call='<w>{"type": "function", "function": ' + OBJECT + "}</w>"),
        JsonObjectLayout(
            Frame(call_start="<w>", call_end="</w>"),
            wrapper_key="function",
            constants=(("type", "function"),),
        ),
    ),
    "arguments in quotes": (
        calling(call='<q>{"name": "{{ name }}", "arguments": {{ args | tojson | tojson }}}</q>'),
        JsonObjectLayout(Frame(call_start="<q>", call_end="</q>"), has_quoted_arguments=True),
    ),
    "the name in a tag": (
        calling(call="<run:{{ name }}>{{ args | tojson }}</run>", separator="{{ '\n' }}"),
        NamedJsonLayout(Frame(call_start="<run:", call_end="</run>", separator="\n"), ">"),
    ),
    "a section, the name between tokens": (
        calling(
            call="<|one|>{{ name }}<|with|>{{ args | tojson }}<|end_one|>", around=("<|all|>", "<|end_all|>")
        ),
        NamedJsonLayout(Frame("<|all|>", "<|end_all|>", "<|one|>", "<|end_one|>"), "<|with|>"),
    ),
    "an id before the name": (
        calling(call="<|c|>{{ id }}<|n|>{{ name }}<|a|>{{ args | tojson }}<|/c|>"),
        NamedJsonLayout(
            Frame(call_start="<|c|>", call_end="<|/c|>"), "<|a|>", id_place="before_name", before_name="<|n|>"
        ),
    ),
    "a counted id": (
        calling(call="<|c|>fn.{{ name }}:{{ loop.index0 }}<|a|>{{ args | tojson }}<|/c|>"),
        NamedJsonLayout(
            Frame(call_start="<|c|>fn.", call_end="<|/c|>"),
            "<|a|>",
            id_place="after_name",
            before_id=":",
            is_id_counted=True,
        ),
    ),
    "an id in place of the name": (
        calling(call="<|c|>{{ id }}<|a|>{{ args | tojson }}<|/c|>"),
        NamedJsonLayout(
            Frame(call_start="<|c|>functions.", call_end="<|/c|>"),
            "<|a|>",
            id_place="after_name",
            before_id=":",
            is_id_counted=True,
        ),
    ),
    "parameters in tags": (
        calling(
            call='<do what="{{ name }}">{% for k, v in args.items() %}<p n="{{ k }}">'
            "{{ v if v is string else v | tojson }}</p>{% endfor %}</do>",
            around=("<plan>", "</plan>"),
        ),
        TaggedParametersLayout(
            Frame("<plan>", "</plan>", '<do what="', "</do>"), '">', ParameterTags('<p n="', '">', "</p>")
        ),
    ),
    "keys and values in tags": (
        calling(
            call="<call>{{ name }}\n{% for k, v in args.items() %}<k>{{ k }}</k>\n<v>"
            "{{ v if v is string else v | tojson }}</v>\n{% endfor %}</call>",
            separator="{{ '\n' }}",
        ),
        TaggedParametersLayout(
            Frame(call_start="<call>", call_end="\n</call>", separator="\n"),
            "\n",
            ParameterTags("<k>", "</k>\n<v>", "</v>"),
            separator="\n",
        ),
    ),
    "like Python": (PYTHON, PythonCallLayout(Frame("<|call_start|>[", "]<|call_end|>", separator=", "))),
    "one bare object": (ONE_CALL, JsonObjectLayout(Frame(), arguments_key="parameters")),
    "arguments wanted as text": (
        TEXT_ARGUMENTS,
        JsonObjectLayout(Frame(call_start="<call>", call_end="</call>")),
    ),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_layout_is_told_from_what_a_template_writes(kind):
    source, layout = LAYOUTS[kind]
    found = recognised(source)
    assert (found.dialect.source, found.dialect.tools.layout) == ("inferred", layout)
    assert found.shows_tools


@pytest.mark.parametrize(
    ("source", "name"), [(HERMES, "hermes"), (MISTRAL, "mistral nemo"), (TAGGED, "tagged parameters")]
)
def test_a_layout_of_a_known_family_gets_its_format(source, name):
    dialect = recognised(source).dialect
    assert (dialect.source, dialect.tools.name) == ("inferred", name)


@pytest.mark.parametrize(
    "source",
    [
        CHATML,
        STRICT,
        PARTS,
        calling(call="<c>{{ name }} with {{ args | length }} arguments</c>"),
        calling(call='<c>{"name": "{{ name }}", "arguments": {{ args.items() | list | string }}}</c>'),
        calling(call='<c>{"name": "{{ name }}", "arguments": {{ args | tojson | replace("\\"", "") }}}</c>'),
        calling(call="<c>{{ name }}({{ args.values() | list | join('; ') }})</c>"),
        calling(call='<c>{"name": "{{ name }}, "arguments": {{ args | tojson }}"}</c>'),
        calling(
            call='<c name="{{ name }}">{% for k, v in args.items() %}<{{ k }}>{{ v }}</{{ k }}>'
            "{% endfor %}</c>"
        ),
        calling(call="{{ name }}{% for k, v in args.items() %}<{{ k }}>{{ v }}</{{ k }}>{% endfor %}"),
    ],
)
def test_what_cannot_be_read_back_is_asked_for_in_the_prompt(source):
    found = recognised(source)
    assert (found.dialect.source, found.dialect.tools.name) == ("prompted", "prompted")


def test_a_template_that_writes_calls_but_no_tools_has_an_example_to_describe_them():
    found = recognised(calling(call="<c>" + OBJECT + "</c>", tools=""))
    assert (found.dialect.source, found.shows_tools) == ("inferred", False)
    assert found.example == '<c>{"name": "function_name", "arguments": {"argument": "value"}}</c>'


NAIVE = (
    "{% for k, v in args.items() %}{{ k }}={{ quote }}{{ v }}{{ quote }}"
    "{{ ', ' if not loop.last }}{% endfor %}"
)


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_calls_like_pythons_are_written_right_where_a_template_forgets_to_escape(quote):
    call = "{% set quote = " + json.dumps(quote) + " %}{{ name }}(" + NAIVE + ")"
    found = recognised(calling(call=call, around=("<f>", "</f>"), separator="; "))
    assert found.dialect.tools.layout == PythonCallLayout(Frame("<f>", "</f>", separator="; "))
    assert found.habits.write_calls([("f", {"x": 'say "it\'s"', "y": [None, True]}), ("g", {})]) == (
        '<f>f(x="say \\"it\'s\\"", y=[None, True]); g()</f>'
    )


def test_text_that_a_template_protects_as_xml_does_is_read():
    value = "{{ '<![CDATA[' ~ v ~ ']]>' if v is string and '<' in v else v }}"
    found = recognised(
        calling(
            call='<f name="{{ name }}">{% for k, v in args.items() %}<p name="{{ k }}">'
            + value
            + "</p>{% endfor %}</f>"
        )
    )
    assert (found.dialect.source, found.dialect.tools.layout.has_cdata) == ("inferred", True)


BETWEEN_MARKS = (
    "{% macro value(v) %}{% if v is string %}<escape>{{ v }}<escape>"
    "{% elif v is mapping %}{{ '{' }}{% for k, x in v | dictsort %}{{ k }}:{{ value(x) }}"
    "{{ ',' if not loop.last }}{% endfor %}{{ '}' }}"
    "{% elif v is iterable %}[{% for x in v %}{{ value(x) }}{{ ',' if not loop.last }}{% endfor %}]"
    "{% else %}{{ v | tojson }}{% endif %}{% endmacro %}"
)


def test_strings_between_marks_of_their_own_are_known_by_the_marks():
    call = "<start_function_call>call:{{ name }}{{ value(args) }}<end_function_call>"
    found = recognised(BETWEEN_MARKS + calling(call=call))
    assert (found.dialect.source, found.dialect.tools.name) == ("preset", "function gemma")


def test_tools_are_put_into_the_system_message_where_a_template_looks_for_them_there():
    found = recognised(IN_SYSTEM)
    assert (found.dialect.source, found.dialect.tools.name) == ("preset", "phi 4")
    assert (found.habits.has_tools_in_system, found.shows_tools) == (True, True)


def test_tools_that_are_left_out_of_chains_of_calls_are_described_in_the_prompt():
    tools = "{% if messages[-1].role == 'user' %}<tools>{{ tools | tojson }}</tools>\n{% endif %}"
    found = recognised(calling(call="<c>" + OBJECT + "</c>", tools=tools))
    assert (found.dialect.source, found.shows_tools) == ("inferred", False)


TAGS = {
    "<think>": THOUGHT,
    "<|deep|>": "{% if m.reasoning_content %}<|deep|>{{ m.reasoning_content }}<|/deep|>{% endif %}",
    "[MUSE]": "{% if m.thinking %}[MUSE]{{ m.thinking }}[/MUSE]{% endif %}",
    "[PLAN]": "{% if m.tool_plan %}[PLAN]{{ m.tool_plan }}[/PLAN]{% endif %}",
    "◁idea▷": "{% if m.reasoning %}◁idea▷{{ m.reasoning }}◁/idea▷{% endif %}",
}


@pytest.mark.parametrize("start", TAGS)
def test_the_tags_of_thoughts_are_told_from_a_thought(start):
    found = recognised(calling(call="<c>" + OBJECT + "</c>", thought=TAGS[start]))
    assert found.dialect.source == "inferred"
    assert found.dialect.reasoning == ReasoningTags(start, f"{start[0]}/{start[1:]}".replace("</|", "<|/"))


@pytest.mark.parametrize(
    ("words", "tags"),
    [
        ("<think></think>", ReasoningTags("<think>", "</think>")),
        ("[THINK] and [/THINK]", ReasoningTags("[THINK]", "[/THINK]")),
        ("<|START_THINKING|><|END_THINKING|>", ReasoningTags("<|START_THINKING|>", "<|END_THINKING|>")),
        ("<thinking>", ReasoningTags("<thinking>", "</thinking>")),
        ("think hard, <b>always</b>", None),
    ],
)
def test_the_tags_of_thoughts_are_told_from_what_a_template_says_of_them(words, tags):
    assert recognised(CHATML + "{#- " + words + " #}").dialect.reasoning == tags


ASKING = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>"
)
CLOSED = "<think>\n\n</think>\n\n"
SWITCHES = {
    "on unless told": (
        "{% if enable_thinking is defined and not enable_thinking %}" + CLOSED + "{% endif %}",
        ({}, {"enable_thinking": False}, ""),
    ),
    "off unless told": (
        "{% if not thinking %}" + CLOSED + "{% else %}<think>{% endif %}",
        ({"thinking": True}, {}, ""),
    ),
    "a name nobody knows": (
        "{% if cot is defined and not cot %}" + CLOSED + "{% else %}<think>{% endif %}",
        ({}, {"cot": False}, ""),
    ),
    "by effort": (
        "{% if reasoning_effort == 'low' %}" + CLOSED + "{% endif %}",
        ({}, {"reasoning_effort": "low"}, ""),
    ),
    "by a word": (
        "{% if '/no_think' in messages[0].content %}" + CLOSED + "{% else %}<think>{% endif %}",
        ({}, {}, "/no_think"),
    ),
}


@pytest.mark.parametrize("kind", SWITCHES)
def test_the_switch_is_found_by_what_it_changes(kind):
    source, expected = SWITCHES[kind]
    switch = recognised(ASKING + source + "{% endif %}").switch
    assert (dict(switch.on), dict(switch.off), switch.word_off) == expected


def test_a_variable_that_changes_other_things_is_no_switch():
    assert recognised(ASKING + "{{ 'x' if brief }}<think>{% endif %}").switch is None


def test_words_around_an_answer_are_known():
    said = "<|im_start|>assistant\n<answer>{{ m.content }}</answer><|im_end|>"
    source = CHATML.replace(
        "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>",
        "{% if m.role == 'assistant' %}"
        + said
        + "{% else %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endif %}",
    )
    assert recognised(source).dialect.wrappers == ("<answer>", "</answer>")


def test_words_around_an_answer_that_come_with_thoughts_are_known():
    told = "{% if thinking %}Think in <think></think>, answer in <say></say>.{% endif %}"
    found = recognised(told + CHATML)
    assert (found.dialect.wrappers, dict(found.switch.on)) == (("<say>", "</say>"), {"thinking": True})


BARE_TURNS = (
    "{% for m in messages %}{% if m.role == 'assistant' %}<|bot|>{{ m.content }}"
    "{% else %}<|{{ m.role }}|>{{ m.content }}{% endif %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (BARE_TURNS, "<|bot|>"),
        (BARE_TURNS + "{% if add_generation_prompt %}<|bot|>{% endif %}", ""),
        (BARE_TURNS + "{# <think></think> #}", ""),
    ],
    ids=["left out", "asked for", "maybe of thoughts"],
)
def test_the_header_of_an_answer_is_added_where_a_template_leaves_it_out(source, expected):
    assert recognised(source).answer_start == expected


@pytest.mark.parametrize(
    "loop",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    ],
)
@pytest.mark.timeout(120)
def test_probing_a_template_that_works_without_end_ends(loop):
    with pytest.raises(ConfigError, match=r"template of tiny takes more than 0\.3 s"):
        recognised(loop + CHATML, time_limit_s=0.3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([HERMES, TAGGED, PYTHON, MISTRAL, ONE_CALL]), st.data())
def test_a_broken_template_is_an_error_or_has_a_dialect(source, data):
    start = data.draw(st.integers(0, len(source)))
    length = data.draw(st.integers(0, 40))
    source = source[:start] + data.draw(st.text("{}%<>'\"|[]ab ", max_size=3)) + source[start + length :]
    try:
        found = recognised(source, time_limit_s=2.0)
    except ConfigError:
        return
    assert found.dialect.source in {"preset", "inferred", "prompted"}


def test_a_template_that_tells_the_time_is_the_same_for_every_probe(monkeypatch):
    ticks = itertools.count()

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + timedelta(seconds=next(ticks))

    telling = "{{ datetime }} {{ strftime_now('%H:%M:%S') }}" + HERMES
    for module in (program, sandbox):
        monkeypatch.setattr(module, "datetime", Clock)
    assert ChatTemplate(telling).dialect(has_tools=True) == ChatTemplate(HERMES).dialect(has_tools=True)
    assert next(ticks) == 0
