import asyncio
import copy
import gc
import pickle
import threading

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from measured import loop_turns, wait_until
from together import held_until

from gpt4all_core.errors import ConfigError, ContextOverflow, ModelNotFound, UnsupportedParameter
from gpt4all_core.local_model import LocalModel
from gpt4all_core.model_pool import pool
from langchain_gpt4all import ChatGPT4All, GPT4All

MODEL = "smollm2-135m-instruct"
LONG = "Write a long story about a river."
CONTEXT = 700


@pytest.fixture(scope="module")
def chat():
    """One whose texts may be compared."""
    same = {"reproducible": True, "context_size": CONTEXT, "parallel": 2}
    with ChatGPT4All(model=MODEL, temperature=0, max_tokens=8, **same) as model:
        yield model


@pytest.fixture
def engine():
    """The engine that the chat models here share, to look at its counters."""
    with LocalModel(MODEL) as model:
        yield model.open()


async def all_faces(model, question, **arguments):
    chunks = list(model.stream(question, **arguments))
    achunks = [chunk async for chunk in model.astream(question, **arguments)]
    return [
        model.invoke(question, **arguments),
        await model.ainvoke(question, **arguments),
        sum(chunks[1:], chunks[0]),
        sum(achunks[1:], achunks[0]),
    ]


async def test_every_face_gives_the_same_answer(chat):
    answers = await all_faces(chat, "Say hello.")
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].content
    for answer in answers:
        usage = answer.usage_metadata
        assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (33, 8, 41)
        told = answer.response_metadata
        assert (told["model_name"], told["model_provider"], told["finish_reason"]) == (
            MODEL,
            "gpt4all",
            "length",
        )
        assert (told["prompt_eval_count"], told["eval_count"]) == (33, 8)
        assert told["total_duration"] > told["prompt_eval_duration"] + told["eval_duration"] > 0


def test_a_stream_has_usage_and_metadata_on_its_last_chunk_alone(chat):
    chunks = list(chat.stream("Say hello."))
    assert len(chunks) > 4
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [bool(chunk.response_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]


def test_usage_says_what_was_found_in_the_cache(chat):
    chat.invoke("Which animals bark?")
    again = chat.invoke("Which animals bark?").usage_metadata
    assert 0 < again["input_token_details"]["cache_read"] < again["input_tokens"]


async def test_stop_of_a_call_takes_the_place_of_the_objects_own(chat):
    text = chat.invoke("Say hello.").content
    stopped = chat.model_copy(update={"stop": [text[:1]]})
    assert [answer.content for answer in await all_faces(stopped, "Say hello.")] == [""] * 4
    answers = await all_faces(stopped, "Say hello.", stop=[text[3:5]])
    assert {answer.content for answer in answers} == {text[: text.index(text[3:5])]}


def test_a_call_may_change_how_tokens_are_chosen():
    with ChatGPT4All(model=MODEL, context_size=540, parallel=1, reproducible=True) as model:

        def draw(seed):
            return model.invoke(LONG, temperature=1.5, top_k=0, seed=seed, max_tokens=12)

        assert draw(1).content == draw(1).content
        assert draw(1).content != draw(2).content
        assert draw(1).usage_metadata["output_tokens"] == 12


def test_a_call_may_name_another_model(chat):
    path = LocalModel(MODEL).path
    reply = chat.invoke("Say hello.", model=str(path))
    assert reply.content == chat.invoke("Say hello.").content
    assert chat._get_ls_params(model=str(path))["ls_model_name"] == path.name
    with pytest.raises(ModelNotFound, match="no-such-model"):
        chat.invoke("Say hello.", model="no-such-model")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"max_tokenz": 3}, UnsupportedParameter, "did you mean max_tokens"),
        ({"context_size": 64}, UnsupportedParameter, "constructor"),
        ({"max_tokens": "many"}, ConfigError, "max_tokens='many'"),
        ({"temperature": -1}, ConfigError, "temperature=-1"),
    ],
)
def test_what_a_call_cannot_mean_is_refused_by_name(chat, arguments, kind, message):
    with pytest.raises(kind, match=message):
        chat.invoke("hello", **arguments)
    with pytest.raises(kind, match=message):
        list(chat.stream("hello", **arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temprature": 1}, "did you mean temperature"),
        ({"n_gpu_layer": 3}, "did you mean gpu_layers"),
        ({"temperature": -1}, "temperature=-1"),
        ({"stop": "END"}, "stop='END'"),
        ({"timeout": 0}, "timeout=0"),
    ],
)
def test_what_a_constructor_cannot_mean_is_refused_by_name(arguments, message):
    with pytest.raises(ConfigError, match=message):
        ChatGPT4All(**arguments)


def test_making_one_opens_nothing():
    before = pool.open_count
    ChatGPT4All(model="no-such-model", context_size=77)
    assert pool.open_count <= before


async def test_a_prompt_that_does_not_fit_is_an_overflow_here_and_in_langchain(chat):
    question = "word " * 5000
    for kind in (ContextOverflow, ContextOverflowError, ValueError):
        with pytest.raises(kind, match=str(CONTEXT)):
            chat.invoke(question)
    with pytest.raises(ContextOverflowError) as caught:
        await chat.ainvoke(question)
    assert caught.value.prompt_tokens > CONTEXT


async def was_left(engine, before):
    """Whether the model, once it is idle, has written a few tokens and no story."""
    await asyncio.to_thread(wait_until, lambda: not engine._opened.engine.is_busy)
    return engine.counters.decoded_tokens - before < 200


async def test_leaving_a_stream_stops_the_model(engine):
    model = ChatGPT4All(model=MODEL)
    before = engine.counters.decoded_tokens
    for _chunk in model.stream(LONG):
        break
    assert await was_left(engine, before)
    async for _chunk in model.astream(LONG):
        break
    assert await was_left(engine, before)


async def test_closing_a_stream_stops_the_model_before_the_event_loop_turns():
    with (
        ChatGPT4All(model=MODEL, context_size=550, parallel=1, temperature=0) as model,
        LocalModel(MODEL, context_size=550, parallel=1) as watched,
    ):
        stream = model._astream([HumanMessage(LONG)])
        await anext(stream)
        await stream.aclose()
        model.invoke("hello", max_tokens=1)  # blocks the loop, and would wait for the end of the story
        assert watched.counters.decoded_tokens < 200


async def test_cancelling_the_awaiting_task_stops_the_model(engine):
    before = engine.counters.decoded_tokens
    task = asyncio.create_task(ChatGPT4All(model=MODEL).ainvoke(LONG))
    await asyncio.to_thread(wait_until, lambda: engine.counters.decoded_tokens > before)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await was_left(engine, before)


async def test_an_event_loop_runs_on_while_the_model_is_loaded_and_answers(monkeypatch):
    prepared_in, chat = [], LocalModel.chat

    def chat_and_tell(*given, **options):
        prepared_in.append(threading.current_thread())
        return chat(*given, **options)

    monkeypatch.setattr(LocalModel, "chat", chat_and_tell)
    # Another context size, so that loading is part of it.
    with ChatGPT4All(model=MODEL, context_size=300, temperature=0, max_tokens=48) as model:
        assert await loop_turns(model.ainvoke(LONG)) > 10
    assert len(prepared_in) == 1
    assert threading.main_thread() not in prepared_in


def test_a_chain_answers_a_batch_in_one(engine):
    chain = ChatPromptTemplate.from_template("Count to {n}.") | ChatGPT4All(
        model=MODEL, context_size=512, temperature=0, max_tokens=16
    )
    with LocalModel(MODEL, context_size=512) as watched:
        with held_until(watched, 8):
            answers = (chain | StrOutputParser()).batch([{"n": n} for n in range(8)])
        assert watched.counters.widest_batch > 4
    assert len(answers) == 8
    assert all(answers)


async def test_tasks_are_decoded_together():
    with (
        ChatGPT4All(model=MODEL, context_size=520, max_tokens=16) as model,
        LocalModel(MODEL, context_size=520) as watched,
    ):
        with held_until(watched, 8):
            await model.abatch(["Say hello."] * 8)
        assert watched.counters.widest_batch > 4


def test_a_batch_keeps_to_the_concurrency_it_was_given():
    with (
        ChatGPT4All(model=MODEL, context_size=530, max_tokens=8) as model,
        LocalModel(MODEL, context_size=530) as watched,
    ):
        with held_until(watched, 2):
            model.batch(["Say hello."] * 4, {"max_concurrency": 2})
        assert watched.counters.widest_batch == 2


def test_token_counts_are_those_of_the_prompt_that_is_sent(chat):
    messages = [HumanMessage("Say hello.")]
    counted = chat.get_num_tokens_from_messages(messages)
    assert counted == chat.invoke(messages).usage_metadata["input_tokens"]
    assert 0 < chat.get_num_tokens("Say hello.") < counted

    def weather(city: str) -> str:
        """The weather in a city."""
        return city

    for choice in (None, "any", "none", "weather"):
        bound = chat.bind_tools([weather], tool_choice=choice, max_tokens=32)
        with_tools = chat.get_num_tokens_from_messages(messages, [weather], tool_choice=choice)
        assert with_tools == bound.invoke(messages).usage_metadata["input_tokens"]
        assert (with_tools > counted) == (choice != "none")  # for this model's template knows no tools


def test_token_ids_are_the_models_own(chat):
    text = "Grüße: <|im_end|>"  # a control token that somebody spells is text
    ids = chat.get_token_ids(text)
    with LocalModel(MODEL) as model:
        assert ids == model.token_ids(text)
        assert ids[0] != ids[-1]
    assert chat.get_num_tokens(text) == len(ids)


@pytest.mark.parametrize(
    "change", [{"temperature": 0.5}, {"seed": 3}, {"context_size": 99}, {"kv_type": "q8_0"}, {"stop": ["x"]}]
)
def test_caches_tell_apart_what_changes_the_answer(change):
    assert ChatGPT4All(model=MODEL)._get_llm_string() != ChatGPT4All(model=MODEL, **change)._get_llm_string()


def test_caches_know_the_file_and_traces_no_folder(chat):
    path = LocalModel(MODEL).path
    identity = chat._identifying_params
    assert identity["model_file"] == path.name
    assert identity["model_size"] == path.stat().st_size
    by_path = ChatGPT4All(model=path)
    assert str(path.parent) not in str(by_path._identifying_params)
    assert by_path._get_ls_params()["ls_model_name"] == path.name


@pytest.mark.parametrize("kind", [ChatGPT4All, GPT4All])
def test_traces_are_told_no_folder(kind, tmp_path):
    class Tracer(BaseCallbackHandler):
        told = ""

        def on_chat_model_start(self, serialized, messages, **kwargs):
            self.told += f"{serialized} {kwargs}"

        def on_llm_start(self, serialized, prompts, **kwargs):
            self.told += f"{serialized} {kwargs}"

    path = LocalModel(MODEL).path
    tracer = Tracer()
    with kind(model=path, cache_dir=tmp_path / "kept", max_tokens=1) as model:
        (RunnableLambda(str) | model).invoke("hello", {"callbacks": [tracer]})
        assert path.name in repr(model)
    assert path.name in tracer.told
    assert str(path.parent) not in tracer.told
    assert str(tmp_path) not in tracer.told


@pytest.mark.parametrize("kind", [ChatGPT4All, GPT4All])
def test_a_tokenizer_of_ones_own_is_asked_instead_of_the_model(kind):
    model = kind(model="no-such-model", custom_get_token_ids=lambda text: [7] * len(text))
    assert model.get_token_ids("abc") == [7, 7, 7]
    assert model.get_num_tokens("abc") == 3


def test_copies_and_pickles_are_equal_and_share_the_engine(chat):
    chat.invoke("hello")
    gc.collect()  # models of earlier tests that nobody holds any more
    before = pool.open_count
    for copied in (copy.copy(chat), copy.deepcopy(chat), pickle.loads(pickle.dumps(chat))):
        assert copied == chat
        assert copied.invoke("Say hello.").content == chat.invoke("Say hello.").content
    assert pool.open_count == before


def test_closing_frees_the_model_and_another_use_loads_it_again():
    gc.collect()  # models of earlier tests that nobody holds any more
    before = pool.open_count
    model = ChatGPT4All(model=MODEL, context_size=256, temperature=0, max_tokens=2)
    model.invoke("hello")
    assert pool.open_count > before
    model.close()
    model.close()
    assert pool.open_count == before
    assert model.invoke("hello").usage_metadata["output_tokens"] == 2
    model.close()


@pytest.mark.parametrize("is_async", [False, True])
async def test_streaming_lets_callbacks_see_every_token_of_invoke(chat, is_async):
    class Listener(BaseCallbackHandler):
        def __init__(self):
            self.tokens = []

        def on_llm_new_token(self, token, **kwargs):
            self.tokens.append(token)

    listener = Listener()
    chat.invoke("Say hello.", {"callbacks": [listener]})
    assert listener.tokens == []
    loud = ChatGPT4All(model=MODEL, temperature=0, max_tokens=8, streaming=True)
    reply = (
        await loud.ainvoke("Say hello.", {"callbacks": [listener]})
        if is_async
        else loud.invoke("Say hello.", {"callbacks": [listener]})
    )
    assert "".join(listener.tokens) == reply.content
    assert len(listener.tokens) > 4
    assert reply.usage_metadata["output_tokens"] == 8
