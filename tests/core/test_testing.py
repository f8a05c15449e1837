import asyncio

import numpy as np
import pytest

from gpt4all_core.engine.backend import Batch, NoFreeCells
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.protocols import ChatModel, Embedder
from gpt4all_core.testing import HashEmbedder, ScriptedBackend, ScriptedChatModel, ScriptedVocabulary, follow
from gpt4all_core.types import GenerationParams, Message

HELLO = [Message("user", "hello there")]


def batch(*rows):
    tokens, positions, sequence_ids = zip(*rows, strict=True)
    return Batch(
        np.array(tokens, dtype=np.int32),
        np.array(positions, dtype=np.int32),
        np.array(sequence_ids, dtype=np.int32),
        np.ones(len(rows), dtype=np.bool_),
    )


def test_the_fakes_satisfy_the_protocols_they_stand_for():
    assert isinstance(ScriptedChatModel(), ChatModel)
    assert isinstance(HashEmbedder(), Embedder)


def test_answers_come_one_after_the_other_and_the_last_goes_on():
    model = ScriptedChatModel(["one", "two"])
    assert [model.chat(HELLO).result().text for _ in range(3)] == ["one", "two", "two"]


def test_an_answer_may_be_a_function_of_the_messages_and_comes_in_pieces():
    model = ScriptedChatModel(lambda messages: f"you said {messages[-1].content}")
    assert list(model.chat(HELLO)) == ["you", " said", " hello", " there"]
    assert asyncio.run(model.chat(HELLO).aresult()).usage.prompt_tokens == 2


def test_the_model_remembers_what_it_was_asked():
    model = ScriptedChatModel(quotes=["copy this"])
    params = GenerationParams(seed=1)
    constraint = model.constrain(quote_from=["copy this text"])
    assert model.chat(HELLO, params, constraint=constraint, prefill='"').result().text == 'copy this"'
    (call,) = model.calls
    assert (call.messages, call.params, call.quote_from, call.prefill) == (
        tuple(HELLO),
        params,
        ("copy this text",),
        '"',
    )


def test_stop_strings_and_the_token_limit_are_honoured():
    model = ScriptedChatModel(["one two three"])
    limited = model.chat(HELLO, GenerationParams(max_tokens=2)).result()
    assert (limited.text, limited.finish_reason, limited.usage.completion_tokens) == ("one two", "length", 2)
    assert model.chat(HELLO, GenerationParams(stop=(" three",))).result().text == "one two"


def test_misuse_of_the_scripted_model_is_found():
    model = ScriptedChatModel(quotes=["absent"])
    with pytest.raises(ConfigError, match="at least one message"):
        model.chat([])
    with pytest.raises(ConfigError, match="no text to quote from"):
        model.constrain(quote_from=[" "])
    with pytest.raises(AssertionError, match="none of the texts"):
        model.chat(HELLO, constraint=model.constrain(quote_from=["text"]))
    with pytest.raises(UnsupportedParameter):
        model.constrain(quote_from=["text"]).matcher()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(1, 1, 0)], "goes on at 0, not 1"),
        ([(1, 0, 0), (2, 0, 0)], "goes on at 1, not 0"),
        ([(1, 0, 9)], "sequence id 9"),
        ([(999, 0, 0)], "token 999"),
        ([(1, place, 0) for place in range(9)], "a batch of 9 tokens"),
    ],
)
def test_a_batch_that_llama_cpp_would_abort_on_is_found(rows, message):
    with pytest.raises(AssertionError, match=message):
        ScriptedBackend(sequences=2, batch_tokens=8).decode(batch(*rows))


def test_a_full_cache_is_left_as_it_was():
    backend = ScriptedBackend(cells=2)
    backend.decode(batch((1, 0, 0), (2, 1, 0)))
    with pytest.raises(NoFreeCells):
        backend.decode(batch((3, 2, 0)))
    assert backend.tokens_of(0) == [1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda backend: backend.truncate(0, 3), "cannot be cut at 3"),
        (lambda backend: backend.share(0, 0, 1), "is not empty"),
        (lambda backend: backend.share(0, 1, 3), "has no 3 cells"),
        (lambda backend: backend.close() or backend.truncate(0, 0), "is closed"),
    ],
)
def test_an_illegal_change_of_the_cache_is_found(call, message):
    backend = ScriptedBackend()
    backend.decode(batch((1, 0, 0), (2, 1, 0)))
    with pytest.raises(AssertionError, match=message):
        call(backend)


def test_the_vocabulary_reads_its_control_token_only_when_asked():
    vocabulary = ScriptedVocabulary()
    assert vocabulary.tokenize("é<end>", parse_special=True) == [0xC3, 0xA9, 256]
    literal = vocabulary.tokenize("é<end>", parse_special=False)
    assert b"".join(map(vocabulary.piece, literal)).decode() == "é<end>"


def test_a_script_that_fits_no_prompt_says_so():
    with pytest.raises(AssertionError, match="no script begins"):
        follow({"a": "b"})((1, 2))
