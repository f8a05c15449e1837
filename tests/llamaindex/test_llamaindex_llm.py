import asyncio
import copy
import gc
import pickle
import threading

import pytest
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.response_synthesizers import get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from measured import loop_turns, wait_until
from together import held_until

from gpt4all_core import resolve_model
from gpt4all_core.errors import ConfigError, GenerationCancelled, GenerationTimeout, UnsupportedParameter
from gpt4all_core.local_model import LocalModel
from gpt4all_core.model_pool import pool
from gpt4all_core.types import GenerationParams, Message
from llamaindex_gpt4all import GPT4All, GPT4AllEmbedding

MODEL = "smollm2-135m-instruct"
LONG = "Write a long story about a river."
SAME = {"reproducible": True, "context_size": 700, "parallel": 2}
"""Of one whose texts may be compared."""
AT_ONCE = 1e-6
"""Seconds in which no model answers, however fast and however short the answer."""


@pytest.fixture(scope="module")
def llm():
    with GPT4All(model=MODEL, temperature=0, max_tokens=8, **SAME) as opened:
        yield opened


@pytest.fixture
def engine():
    with LocalModel(MODEL) as model:
        yield model.open()


def ask(text):
    return [ChatMessage(role="user", content=text)]


async def test_the_eight_methods_give_one_answer(llm):
    chats = [llm.chat(ask("Say hello.")), await llm.achat(ask("Say hello."))]
    chats += [list(llm.stream_chat(ask("Say hello.")))[-1]]
    chats += [[r async for r in await llm.astream_chat(ask("Say hello."))][-1]]
    completions = [llm.complete("Say hello."), await llm.acomplete("Say hello.")]
    completions += [list(llm.stream_complete("Say hello."))[-1]]
    completions += [[r async for r in await llm.astream_complete("Say hello.")][-1]]
    assert len({r.message.content for r in chats} | {r.text for r in completions}) == 1
    assert chats[0].message.role == "assistant"
    for response in [*chats, *completions]:
        assert response.additional_kwargs == {
            "prompt_tokens": 33,
            "completion_tokens": 8,
            "total_tokens": 41,
        }
        assert response.raw["model"] == MODEL
        assert response.raw["finish_reason"] == "length"
        assert response.raw["usage"]["total_tokens"] == 41


def test_a_stream_grows_by_its_deltas(llm):
    responses = list(llm.stream_chat(ask("Say hello.")))
    assert len(responses) > 4
    text = ""
    for response in responses:
        text += response.delta
        assert (response.message.content or "") == text
    assert [bool(r.additional_kwargs) for r in responses] == [False] * (len(responses) - 1) + [True]


def test_a_formatted_prompt_is_sent_as_it_stands(llm):
    with LocalModel(MODEL, **SAME) as model:
        bare = model.complete("One, two,", GenerationParams(temperature=0, max_tokens=8)).result().text
        chatted = model.chat(
            [Message("user", "One, two,")], GenerationParams(temperature=0, max_tokens=8)
        ).result()
    assert llm.complete("One, two,", formatted=True).text == bare
    assert llm.complete("One, two,").text == chatted.text


def test_a_prompt_maker_of_ones_own_takes_the_templates_place():
    own = GPT4All(
        model=MODEL,
        max_tokens=2,
        messages_to_prompt=lambda messages: "chat: " + messages[0].content,
        completion_to_prompt=lambda prompt: "text: " + prompt,
    )
    with LocalModel(MODEL) as model:
        counted = [len_of(model, "chat: hello"), len_of(model, "text: hello")]
    assert own.chat(ask("hello")).additional_kwargs["prompt_tokens"] == counted[0]
    assert own.complete("hello").additional_kwargs["prompt_tokens"] == counted[1]


def len_of(model, prompt):
    return model.complete(prompt, GenerationParams(max_tokens=1)).result().usage.prompt_tokens


def test_metadata_does_not_load_the_model():
    before = pool.open_count
    metadata = GPT4All(model=MODEL, context_size=333, max_tokens=55).metadata
    assert (metadata.context_window, metadata.num_output, metadata.model_name) == (333, 55, MODEL)
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert GPT4All(model=MODEL).metadata.num_output == 256
    assert pool.open_count <= before


def test_traces_are_told_no_folder(tmp_path):
    told = []

    class Tracer(BaseEventHandler):
        def handle(self, event, **kwargs):
            told.append(str(event.model_dump()))

    files = [resolve_model(MODEL), resolve_model(role="embedder")]
    debug = LlamaDebugHandler(print_trace_on_end=False)
    manager = CallbackManager([debug])
    dispatcher, tracer = get_dispatcher(), Tracer()
    dispatcher.add_event_handler(tracer)
    try:
        with GPT4All(
            model=files[0], cache_dir=tmp_path / "kept", max_tokens=1, callback_manager=manager
        ) as llm:
            llm.complete("hi")
            llm.chat(ask("hi"))
        with GPT4AllEmbedding(model_name=str(files[1]), callback_manager=manager) as embedding:
            embedding.get_query_embedding("hi")
            embedding.get_text_embedding_batch(["hi"])
    finally:
        dispatcher.event_handlers.remove(tracer)
    told += [str(event.payload) for pair in debug.get_event_pairs() for event in pair]
    told += [repr(llm), repr(embedding)]
    for file in files:
        assert any(file.name in text for text in told)
    for folder in (*(file.parent for file in files), tmp_path):
        assert not any(str(folder) in text for text in told)


def test_a_model_that_is_not_there_can_be_traced():
    assert GPT4All(model="no-such-model").to_payload()["model_name"] == "no-such-model"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temprature": 1}, "did you mean temperature"),
        ({"temperature": -1}, "temperature=-1"),
        ({"stop": "END"}, "stop='END'"),
        ({"context_size": "big"}, "context_size='big'"),
    ],
)
def test_impossible_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ConfigError, match=message):
        GPT4All(**arguments)


@pytest.mark.parametrize("arguments", [{"context_size": 64}, {"toolz": []}, {"model": "x"}])
async def test_what_a_call_cannot_change_is_refused(llm, arguments):
    with pytest.raises(UnsupportedParameter, match=next(iter(arguments))):
        llm.chat(ask("hello"), **arguments)
    with pytest.raises(UnsupportedParameter, match=next(iter(arguments))):
        await llm.astream_complete("hello", **arguments)


@pytest.mark.parametrize("formatted", [False, True])
async def test_time_runs_out_for_completions_as_for_chats(formatted):
    llm = GPT4All(model=MODEL, timeout=AT_ONCE)
    with pytest.raises(GenerationTimeout):
        llm.complete(LONG, formatted)
    with pytest.raises(GenerationTimeout):
        list(llm.stream_complete(LONG, formatted))
    with pytest.raises(GenerationTimeout):
        await llm.acomplete(LONG, formatted)
    with pytest.raises(GenerationTimeout):
        [response async for response in await llm.astream_complete(LONG, formatted)]
    assert llm.complete(LONG, formatted, timeout=60, max_tokens=2).raw["finish_reason"]


def test_time_runs_out_with_a_prompt_maker_of_ones_own():
    llm = GPT4All(
        model=MODEL,
        timeout=AT_ONCE,
        messages_to_prompt=lambda messages: messages[0].content,
        completion_to_prompt=lambda prompt: prompt,
    )
    with pytest.raises(GenerationTimeout):
        llm.chat(ask(LONG))
    with pytest.raises(GenerationTimeout):
        llm.complete(LONG)


async def was_left(engine, before):
    """Whether the model, once it is idle, has written a few tokens and no story."""
    await asyncio.to_thread(wait_until, lambda: not engine._opened.engine.is_busy)
    return engine.counters.decoded_tokens - before < 200


async def test_leaving_a_stream_stops_the_model(engine):
    llm = GPT4All(model=MODEL)
    before = engine.counters.decoded_tokens
    for _response in llm.stream_chat(ask(LONG)):
        break
    assert await was_left(engine, before)
    stream = await llm.astream_complete(LONG)
    async for _response in stream:
        break
    await stream.aclose()
    assert await was_left(engine, before)
    unread = await llm.astream_chat(ask(LONG))
    del unread
    assert await was_left(engine, before)


async def test_closing_a_stream_stops_the_model_before_the_event_loop_turns(monkeypatch):
    replies, chat = [], LocalModel.chat
    monkeypatch.setattr(
        LocalModel, "chat", lambda *given, **options: replies.append(chat(*given, **options)) or replies[0]
    )
    with GPT4All(model=MODEL, context_size=650) as llm:
        responses = await llm.astream_chat(ask(LONG))
        await anext(responses)
        await responses.aclose()
        with pytest.raises(GenerationCancelled):
            replies[0].result()  # blocks the loop


async def test_tasks_are_decoded_together():
    with (
        GPT4All(model=MODEL, context_size=640, max_tokens=16) as llm,
        LocalModel(MODEL, context_size=640) as watched,
    ):
        with held_until(watched, 8):
            await asyncio.gather(*(llm.achat(ask("Say hello.")) for _ in range(8)))
        assert watched.counters.widest_batch > 4


def test_copies_pickles_and_dictionaries_make_the_same_object(llm):
    llm.complete("hello")
    gc.collect()  # models of earlier tests that nobody holds any more
    before = pool.open_count
    copies = [copy.deepcopy(llm), llm.model_copy(deep=True), pickle.loads(pickle.dumps(llm))]
    copies += [GPT4All.from_dict(llm.to_dict()), GPT4All.from_json(llm.to_json())]
    for copied in copies:
        assert copied.to_dict() == llm.to_dict()
        assert copied.complete("Say hello.").text == llm.complete("Say hello.").text
    assert pool.open_count == before


def test_a_query_engine_like_answer_streams_in_many_pieces(llm):
    synthesizer = get_response_synthesizer(llm=llm, streaming=True)
    nodes = [NodeWithScore(node=TextNode(text="The river Elm is 40 km long."), score=1.0)]
    pieces = list(synthesizer.synthesize("How long is the Elm?", nodes).response_gen)
    assert len(pieces) > 4


async def test_every_method_tells_the_dispatcher_its_start_and_end(llm):
    seen = []

    class Listener(BaseEventHandler):
        def handle(self, event, **kwargs):
            seen.append((type(event).__name__, event.span_id is not None))

    dispatcher = get_dispatcher()
    listener = Listener()
    dispatcher.add_event_handler(listener)
    try:
        llm.chat(ask("hi"), max_tokens=1)
        await llm.acomplete("hi", max_tokens=1)
    finally:
        dispatcher.event_handlers.remove(listener)
    assert seen == [
        ("LLMChatStartEvent", True),
        ("LLMChatEndEvent", True),
        ("LLMCompletionStartEvent", True),
        ("LLMCompletionEndEvent", True),
    ]


async def test_an_event_loop_runs_on_while_the_model_is_loaded_and_answers(monkeypatch):
    prepared_in, chat = [], LocalModel.chat

    def chat_and_tell(*given, **options):
        prepared_in.append(threading.current_thread())
        return chat(*given, **options)

    monkeypatch.setattr(LocalModel, "chat", chat_and_tell)
    # Another context size, so that loading is part of it.
    with GPT4All(model=MODEL, context_size=300, temperature=0, max_tokens=48) as llm:
        assert await loop_turns(llm.achat(ask(LONG))) > 10
    assert len(prepared_in) == 1
    assert threading.main_thread() not in prepared_in
