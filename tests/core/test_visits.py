"""What must not be freed under those who are inside is freed by the last of them."""

import threading

import pytest

from gpt4all_core import compiled_grammars
from gpt4all_core.compiled_grammars import CompiledGrammars
from gpt4all_core.constrain.lark import lark_grammar
from gpt4all_core.errors import EngineClosed
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.visits import Visits


@pytest.fixture
def freed():
    return []


@pytest.fixture
def visits(freed):
    return Visits(lambda: freed.append(threading.get_ident()))


def test_what_nobody_is_inside_of_is_freed_at_once_and_only_once(visits, freed):
    visits.close()
    visits.close()
    assert len(freed) == 1
    with pytest.raises(EngineClosed, match="open it again"), visits.inside():
        pass
    assert len(freed) == 1


def test_the_last_one_out_frees_it_and_nobody_comes_in_before(visits, freed):
    with visits.inside():
        with visits.inside():
            visits.close()
        with pytest.raises(EngineClosed), visits.inside():
            pass
        assert not freed
    assert len(freed) == 1


def test_who_breaks_off_has_left_too(visits, freed):
    def break_off():
        with visits.inside():
            visits.close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert len(freed) == 1


def test_whether_somebody_is_inside_is_known(visits):
    with visits.held_shut() as is_empty:
        assert is_empty
    with visits.inside(), visits.held_shut() as is_empty:
        assert not is_empty


@pytest.fixture
def opened(starter_model):
    opened = start_engine(starter_model, EngineOptions(context_size=64, threads=1, parallel=1, device="cpu"))
    yield opened
    opened.close()


def test_a_model_is_not_freed_under_a_grammar_that_is_compiled(opened, monkeypatch):
    """llama.cpp's tokenizer reads memory that is no longer there otherwise, which ends the process."""
    is_compiling, may_end = threading.Event(), threading.Event()
    compile_it = compiled_grammars.GrammarConstraint

    def slow(*arguments, **options):
        is_compiling.set()
        assert may_end.wait(60)
        compiled.append(compile_it(*arguments, **options).matcher().forced())

    compiled = []
    monkeypatch.setattr(compiled_grammars, "GrammarConstraint", slow)
    opened.weights.constraint_tokenizer()
    thread = threading.Thread(target=opened.compile_grammar, args=[lark_grammar('start: "abc"')])
    thread.start()
    try:
        assert is_compiling.wait(60)
        opened.close()
        assert opened.weights.is_open
    finally:
        may_end.set()
        thread.join(60)
    assert compiled[0]
    assert not opened.weights.is_open


def test_a_model_that_was_closed_keeps_no_grammars(opened):
    opened.compile_grammar(lark_grammar('start: "abc"'))
    opened.close()
    assert not opened._grammars._kept


def test_of_many_grammars_the_last_ones_used_are_kept(opened, monkeypatch):
    monkeypatch.setattr(compiled_grammars, "MOST_GRAMMARS", 2)
    grammars = CompiledGrammars(opened.weights)
    first, second = (grammars.compile(lark_grammar(f'start: "{letter}"')) for letter in "ab")
    assert grammars.compile(first.lark) is first
    grammars.compile(lark_grammar('start: "c"'))
    assert grammars.compile(first.lark) is first
    assert grammars.compile(second.lark) is not second
