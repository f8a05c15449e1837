"""Many requests at one model, by both adapters: who is answered, who waits, who gives up, what is kept."""

import asyncio
import threading

import pytest
from adapter_faces import FACES, MODEL, LangChainFace
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError, ModelTimeoutError
from together import held_until

from gpt4all_core.errors import EngineBusy, GenerationTimeout
from gpt4all_core.local_model import LocalModel
from gpt4all_core.types import Message

STORY = [("user", "Write a long story about a river.")]
SHORT = [("user", "Say hello.")]
QUESTIONS = [[("user", "Is this a" + " very" * count + " long question?")] for count in range(20)]

CHOICES = ("max_tokens", "temperature", "timeout")


@pytest.fixture(params=FACES)
def opened(request):
    """A face with the arguments of the test, and the core's model on the same engine to watch it."""
    models = []

    def open_both(**arguments):
        engine = {name: value for name, value in arguments.items() if name not in CHOICES}
        face, watched = request.param(**arguments), LocalModel(MODEL, **engine)
        models.extend([face.model, watched.open()])
        return face, watched

    yield open_both
    for model in models:
        model.close()


def lengths(model, talks):
    return [model.count_message_tokens([Message(role, text) for role, text in talk]) for talk in talks]


async def test_twenty_questions_at_once_are_answered_in_their_order(opened):
    face, watched = opened(context_size=1000, max_tokens=10)
    expected = lengths(watched, QUESTIONS)
    assert len(set(expected)) == 20
    with held_until(watched, 20):
        answers = face.many(QUESTIONS)
    assert [answer.prompt_tokens for answer in answers] == expected
    assert all(answer.text for answer in answers)
    assert watched.counters.widest_batch > 8  # of 16; how fast prompts get in depends on the machine
    assert [answer.prompt_tokens for answer in await face.amany(QUESTIONS)] == expected


def test_three_event_loops_in_threads_are_decoded_together(opened):
    face, watched = opened(context_size=1010, max_tokens=16)
    groups = [QUESTIONS[:4], QUESTIONS[4:8], QUESTIONS[8:12]]
    answers = [[], [], []]
    start = threading.Barrier(3)

    def ask(number):
        start.wait()
        answers[number] = asyncio.run(face.amany(groups[number]))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    with held_until(watched, 12):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for group, answered in zip(groups, answers, strict=True):
        assert [answer.prompt_tokens for answer in answered] == lengths(watched, group)
    assert watched.counters.widest_batch > 4  # of one loop; some answers end before the last prompt is read


def test_a_second_turn_decodes_what_is_new_and_says_so(opened):
    face, watched = opened(context_size=1020, max_tokens=8)
    first = face.chat(SHORT)
    talk = [*SHORT, ("assistant", first.text), ("user", "And now goodbye.")]
    before = watched.counters
    cached = face.cached_tokens(talk)
    after = watched.counters
    assert cached >= first.prompt_tokens
    assert after.prompt_tokens - before.prompt_tokens == lengths(watched, [talk])[0] - cached
    assert after.reused_tokens - before.reused_tokens == cached


async def test_whoever_leaves_frees_the_place_for_the_next(opened):
    face, watched = opened(context_size=1030, parallel=1, temperature=0)

    async def is_free():
        before = watched.counters.decoded_tokens
        await face.achat(SHORT, max_tokens=2)  # would wait for the end of the story
        return watched.counters.decoded_tokens - before < 200

    stream = face.pieces(STORY)
    next(stream)
    stream.close()
    assert await is_free()
    astream = face.apieces(STORY)
    await anext(astream)
    await astream.aclose()
    assert await is_free()
    begun = asyncio.Event()

    async def read():
        async for _piece in face.apieces(STORY):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await is_free()
    assert face.chat(STORY, max_tokens=80).completion_tokens == 80


async def test_time_runs_out_on_every_face(opened):
    face, watched = opened(context_size=1040, temperature=0, timeout=0.2)
    with pytest.raises(GenerationTimeout, match=r"0\.2 s"):
        face.chat(STORY)
    with pytest.raises(GenerationTimeout, match=r"0\.2 s"):
        face.stream(STORY)
    with pytest.raises(GenerationTimeout, match=r"0\.2 s"):
        await face.achat(STORY)
    with pytest.raises(GenerationTimeout, match=r"0\.2 s"):
        await face.astream(STORY)
    assert issubclass(GenerationTimeout, TimeoutError)
    assert face.chat(SHORT, max_tokens=2, timeout=60).completion_tokens == 2
    assert watched.counters.requests == 5


def test_waiting_for_a_place_counts_as_time(opened):
    face, watched = opened(context_size=1050, temperature=0, parallel=1)
    stream = face.pieces(STORY)
    next(stream)
    with pytest.raises(GenerationTimeout, match=r"0\.1 s"):
        face.chat(SHORT, timeout=0.1)
    stream.close()
    assert watched.counters.widest_batch == 1


def test_a_full_queue_is_refused_at_once(opened):
    face, _watched = opened(context_size=1060, temperature=0, parallel=1, max_waiting=0)
    stream = face.pieces(STORY)
    next(stream)
    with pytest.raises(EngineBusy, match="max_waiting"):
        face.chat(SHORT)
    stream.close()


def test_langchain_is_told_in_its_own_terms_what_is_worth_another_try():
    face = LangChainFace(context_size=1070, temperature=0, parallel=1, max_waiting=0)
    with pytest.raises(ModelTimeoutError) as late:
        face.chat(STORY, timeout=0.2)
    with pytest.raises(ContextOverflowError) as long:
        face.chat([("user", "word " * 2000)])
    stream = face.pieces(STORY)
    next(stream)
    with pytest.raises(ModelRateLimitError) as busy:
        face.chat(SHORT)
    stream.close()
    face.model.close()
    assert [caught.value.is_retryable for caught in (late, long, busy)] == [True, False, True]


def test_a_conversation_kept_in_a_folder_is_found_after_the_model_was_closed(tmp_path):
    question = [("user", "Name the rivers that run through Vienna, Paris and London, in this order.")]
    for kind in FACES:
        with (face := kind(context_size=1080, cache_dir=tmp_path / "kept", max_tokens=4)).model:
            cached = face.cached_tokens(question)
    with LocalModel(MODEL) as model:
        assert cached == lengths(model, [question])[0] - 1


def test_an_isolated_model_answers_the_same_and_ends_in_the_same_errors():
    same = {"context_size": 1090, "parallel": 1, "reproducible": True, "temperature": 0, "max_tokens": 8}
    with LangChainFace(**same).model as own, LangChainFace(**same, isolate=True).model as walled:
        assert walled.invoke("Say hello.").text == own.invoke("Say hello.").text
        with pytest.raises(ModelTimeoutError):
            walled.invoke("Write a long story.", max_tokens=900, timeout=0.2)
        with pytest.raises(ContextOverflowError):
            walled.invoke("word " * 2000)
