"""Templates made to take all the memory or all the time: each bound is met before it is too late."""

import json
import subprocess
import sys

import pytest
from jinja2.exceptions import SecurityError, UndefinedError
from measured import quickly

from gpt4all_core.chat.foreign_text import SpecialTokens
from gpt4all_core.chat.sandbox import TemplateSandbox
from gpt4all_core.chat.template import ChatTemplate
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message

SHORT = [Message("user", "hi")]
NESTED = (
    "{% set n = namespace(l=[1], m=[1], t=(1,), s=namespace()) %}{% for i in range(40) %}"
    "{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% set n.t = (n.t, n.t) %}"
    "{% set n.s = namespace(a=n.s, b=n.s) %}{% endfor %}"
)
"""Lists of little that take 2⁴⁰ characters to write, and as many steps to compare or hash."""
STEPS = [
    "{{ (['x' * 1000000] * 10000) | join | length }}",
    "{{ ([''] * 90000) | join('x' * 1000000) | length }}",
    "{{ ('x' * 1000000).join([''] * 20000) | length }}",
    "{{ ('x' * 1000000) | replace('', 'y' * 10000) | length }}",
    "{{ ('x' * 1000000).replace('x', 'y' * 10000) | length }}",
    "{{ 'x\ny' | indent(9000000000) | length }}",
    "{{ ('x\n' * 1000000) | indent('y' * 100000) | length }}",
    "{{ [[1]] | tojson(indent=4000000000) | length }}",
    "{{ 10 | round(1000000000, 'ceil') }}",
    "{{ ([[0] * 4000] * 4000) | sum(start=[]) | length }}",
    "{{ '{:1000000000}'.format(1) | length }}",
    "{{ ('{0:{1}}' * 100000).format(1, 1000000) | length }}",
    "{{ ('{a}' * 1000000).format_map({'a': 'x' * 1000000}) | length }}",
    "{{ ('\t' * 1000000).expandtabs(1000000) | length }}",
    "{{ ('x' * 1000000).translate({120: 'y' * 100000}) | length }}",
    "{{ lipsum(n=10000000) | length }}",
    "{{ ('a' * 8000000).rfind('b' + 'a' * 4000000) }}",
    "{{ ('a' * 8000000) | trim('b' * 4000000 ~ 'a') | length }}",
    "{{ ('xé' * 8000000).split('x') | length }}",
    "{{ ('é' * 8000000) | list | length }}",
    "{{ ('ß ' * 4000000) | title | length }}",
    "{{ dict.fromkeys(range(99999)) | length }}",
    "{{ strftime_now('%A' * 8000000) | length }}",
    "{% set n = namespace(x=10) %}{% for i in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x > 1 }}",
    "{% set a = [] %}{% set b = [a, a] %}{% set _ = a.append(b) %}{{ a }}",
    *(
        NESTED + step
        for step in (
            "{{ n.l }}",
            "{{ n.s }}",
            "{{ n.l | tojson }}",
            "{{ n.l | string | length }}",
            "{{ n.l | join | length }}",
            "{{ ('a' ~ n.l) | length }}",
            "{{ n.l == n.m }}",
            "{{ n.l in [n.m] }}",
            "{{ n.l is eq(n.m) }}",
            "{{ [n.m].index(n.l) }}",
            "{{ {n.t: 1} | length }}",
            "{{ {'a': 1}[n.t] }}",
            "{{ {'a': n.l}.items() }}",
            "{{ raise_exception(n.l) }}",
            "{% for x in [n.l, n.m] %}{{ loop.changed(x) }}{% endfor %}",
        )
    ),
]
LOOP = "{% for i in range(9999) %}"
KEEPING = [
    "{% set l = [] %}" + LOOP + "{% set _ = l.append('x' * (9999999 - i)) %}{% endfor %}",
    "{% set l = [] %}{% set x = 'a' * 9999999 %}" + LOOP + "{% set _ = l.append(x[1:]) %}{% endfor %}",
    "{% set l = [] %}{% set k = [0] * 999999 %}" + LOOP + "{% set _ = l.append(k.copy()) %}{% endfor %}",
    (
        "{% macro f(n) %}{% set x = 'a' * (9999999 - n) %}"
        "{{ f(n + 1) if n < 300 }}{{ x | length }}{% endmacro %}"
        "{{ f(0) }}"
    ),
    "{% macro f() %}{% set x = 'a' * 9999999 %}"
    + LOOP
    + "{{ x }}{% endfor %}{% endmacro %}{{ f() | length }}",
    "{% set y %}" + LOOP + LOOP + "d" * 9999 + "{% endfor %}{% endfor %}{% endset %}",
    "{% set x = 'a' * 9999999 %}{% set y = " + " ~ ".join(["x"] * 999) + " %}",
    "{% set n = namespace(l=[]) %}" + LOOP + "{% set n.l = [n.l, [" + "1," * 50_000 + "]] %}{% endfor %}",
]
KEEPER = """
import json, resource, sys
from gpt4all_core.chat.sandbox import TemplateSandbox
from gpt4all_core.chat.template import ChatTemplate
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Message

resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))
for source in json.load(sys.stdin):
    try:
        ChatTemplate(source, time_limit_s=0.3).render([Message("user", "hi")])
    except ConfigError as error:
        print(error)
"""
"""Has 1.5 GiB, in which what is made for several probes and a prompt must not add up."""


def run(source):
    sandbox = TemplateSandbox(time_limit_s=5)
    return sandbox.render(sandbox.from_string(source), {})


@pytest.mark.parametrize("source", STEPS)
@pytest.mark.timeout(120)
def test_no_single_step_takes_long_or_makes_much(source):
    def refuse():
        with pytest.raises((SecurityError, UndefinedError)):
            run(source)

    quickly(refuse, within_s=2)  # each is refused before it is done, in some milliseconds


def test_what_a_template_keeps_is_bounded():
    done = subprocess.run(
        [sys.executable, "-c", KEEPER],
        input=json.dumps(KEEPING),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert len(found) == len(KEEPING)
    assert all("bytes of texts and lists" in line or "works for more than" in line for line in found), found


def test_words_of_an_error_are_cut():
    with pytest.raises(ConfigError) as caught:
        ChatTemplate("{{ raise_exception('x' * 9999999) }}").render(SHORT)
    assert 1000 < len(str(caught.value)) < 1200


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ '{} {b:>4}'.format('x', b=1) }}", "x    1"),
        ("{{ [1, 2] | sum }}{{ 2.55 | round(1) }}{{ 'a\nb' | indent(2) }}", "32.5a\n  b"),
        ("{{ [{'a': 'hi'}] | map(attribute='a') | join(', ') }}", "hi"),
        ("{{ {'a': (1, [2])} }}{{ ('a', 'b')[1:] | list }}", "{'a': (1, [2])}['b']"),
        ("{{ (1, 2) in [(1, 2)] }}{{ {(1, 2): 3}[(1, 2)] }}", "True3"),
        ("{% set l = [] %}{% set _ = l.append(1) %}{{ l.pop() }}{{ l }}", "1[]"),
        ("{{ ['b', 'a'] | sort | first }}{{ 'a b'.split() | last }}{{ ' x ' | trim }}", "abx"),
        ("{% for c in [1, [2]] recursive %}{{ loop(c) if c is iterable else c }}{% endfor %}", "12"),
    ],
)
def test_bounds_are_not_in_the_way(source, expected):
    assert run(source) == expected


def test_a_long_text_is_compared_with_thousands_of_control_tokens_in_no_time():
    special = SpecialTokens(control=frozenset(f"<unused{number}>" for number in range(6000)))
    template = ChatTemplate("{{ messages[0].content }}", special=special)
    template.render(SHORT)
    message = Message("user", "<" * 300_000 + "<unused77>")
    # It took 4 s where each token was tried by itself.
    segments = quickly(lambda: template.render([message]).segments, within_s=2)
    assert [segment.text for segment in segments if segment.is_literal] == ["<unused77>"]
