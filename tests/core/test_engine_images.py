"""Pictures in the engine, on a scripted backend that says which rows it saw."""

import threading

import numpy as np
import pytest
from engine_workbench import GREEDY, check_accounts, running
from hypothesis import given, settings
from hypothesis import strategies as st
from measured import wait_until

from gpt4all_core.engine.image_rows import ImageRows, PromptImage
from gpt4all_core.engine.saved_cells import HostCache
from gpt4all_core.errors import ConfigError, GenerationCancelled, GenerationError
from gpt4all_core.testing import ScriptedBackend, ScriptedVocabulary
from gpt4all_core.types import GenerationParams


def image(*numbers, is_causal=True):
    """A picture whose rows are these numbers."""
    embeddings = np.array(numbers, dtype=np.float32).reshape(-1, 1)
    rows = ImageRows(embeddings, is_causal=is_causal, span=len(numbers))
    return PromptImage.of((rows,), identity=repr((numbers, is_causal)).encode())


def describe(tokens):
    """What follows the last question mark: the rows that were seen before it."""
    question = len(tokens) - 1 - tokens[::-1].index(ord("?"))
    answer = ",".join(str(-1 - token) for token in tokens[:question] if token < 0).encode()
    written = len(tokens) - question - 1
    return answer[written] if written < len(answer) else ScriptedVocabulary.END


def prompt(*parts):
    """Ids and pictures of texts and pictures."""
    tokens, images = [], {}
    for part in parts:
        if isinstance(part, str):
            tokens.extend(part.encode())
        else:
            images.update(part.rows_at(len(tokens)))
            tokens.extend(part.tokens)
    return tokens, images


def ask(engine, *parts, params=GREEDY, **options):
    tokens, images = prompt(*parts)
    return engine.submit(tokens, params, images=images, **options)


def backend(**options):
    return ScriptedBackend(describe, **options)


class Turnstile:
    """A gate that so many calls pass before it is opened."""

    def __init__(self, count):
        self._passes = threading.Semaphore(count)

    def wait(self, timeout):
        return self._passes.acquire(timeout=timeout)

    def open(self):
        self._passes.release(1000)


CAT, DOG, FIELD = image(1, 2, 3), image(4, 5, 6), image(*range(10, 40))
WHOLE = image(*range(50, 60), is_causal=False)


def test_an_answer_depends_on_the_pictures_and_their_order():
    with running(backend()) as engine:
        for parts, answer in (
            (("Look ", CAT, "?"), "1,2,3"),
            (("Look ", DOG, "?"), "4,5,6"),
            ((DOG, " or ", CAT, "?"), "4,5,6,1,2,3"),
            ((CAT, CAT, "?"), "1,2,3,1,2,3"),
            (("Nothing?",), ""),
        ):
            assert ask(engine, *parts).result().text == answer


def test_the_same_picture_is_decoded_once():
    with running(backend()) as engine:
        first = ask(engine, "Look ", FIELD, "?").result()
        again = ask(engine, "Look ", FIELD, "?").result()
        assert first.text == again.text
        assert (first.usage.prompt_tokens, first.usage.cached_tokens) == (36, 0)
        assert again.usage.cached_tokens == 35
        other = ask(engine, "Look ", image(*range(10, 39), 99), "?").result()
        assert other.usage.cached_tokens == len("Look ")


def test_a_conversation_goes_on_behind_its_pictures():
    with running(backend()) as engine:
        answer = ask(engine, "Look ", CAT, "?").result().text
        second = ask(engine, "Look ", CAT, f"?{answer} And ", DOG, "?").result()
        assert second.text == "1,2,3,4,5,6"
        assert second.usage.cached_tokens == len("Look ") + 3 + len(f"?{answer}")


def test_requests_with_different_pictures_do_not_mix():
    pictures = [image(*range(100 * number, 100 * number + 5 + number)) for number in range(1, 8)]
    made = backend(cells=2048)
    with running(made) as engine:
        handles = [ask(engine, f"{number} ", picture, "?") for number, picture in enumerate(pictures)]
        for picture, handle in zip(pictures, handles, strict=True):
            numbers = picture.rows[0][1].embeddings[:, 0].astype(int)
            assert handle.result().text == ",".join(map(str, numbers))
        check_accounts(engine, made)


def test_rows_that_see_each_other_are_decoded_in_one_call():
    made = backend(batch_tokens=16)
    with running(made) as engine:
        # The others stream, so that prompts come in chunks.
        streams = [ask(engine, f"{number}", FIELD, "?") for number in range(3)]
        assert ask(engine, "See ", WHOLE, "?").result().text == ",".join(map(str, range(50, 60)))
        for stream in streams:
            stream.result()
    calls = [(work.first, work.count) for work in made.image_calls]
    assert (0, 10) in calls
    assert max(count for _, count in calls) <= 16
    assert sum(count for _, count in calls) == 3 * 30 + 10


def test_a_picture_longer_than_a_batch_comes_in_pieces():
    with running(backend(batch_tokens=8)) as engine:
        assert ask(engine, "Look ", FIELD, "?").result().text == ",".join(map(str, range(10, 40)))


def test_tokens_come_before_and_after_in_calls_of_their_own():
    made = backend()
    with running(made) as engine:
        ask(engine, "Look ", CAT, " here", DOG, "?").result()
    assert all((batch.tokens >= 0).all() for batch in made.batches)
    assert [(work.start, work.count) for work in made.image_calls] == [(5, 3), (13, 3)]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("Look ", CAT), "ends with a picture"),
        (("Look ", image(*range(65), is_causal=False), "?"), "65 rows, which this model has to see at once"),
    ],
)
def test_prompts_that_cannot_be_decoded_are_refused(parts, message):
    with running(backend(), context_size=100) as engine, pytest.raises(ConfigError, match=message):
        ask(engine, *parts)


def test_ids_and_rows_have_to_fit():
    with running(backend()) as engine:
        tokens, images = prompt("Look ", CAT, "?")
        for wrong in ({}, {4: images[5]}, {5: images[5], 7: images[5]}):
            with pytest.raises(ConfigError, match=r"do not fit to each other|not in the vocabulary"):
                engine.submit(tokens, GREEDY, images=wrong)
        wide = ImageRows(np.zeros((3, 2), dtype=np.float32), is_causal=True, span=3)
        with pytest.raises(ConfigError, match="rows of 2 numbers do not fit to a model of 1"):
            engine.submit(tokens, GREEDY, images={5: wide})
        assert engine.submit(tokens, GREEDY, images=images).result().text == "1,2,3"


def test_a_request_that_is_cancelled_within_its_picture_leaves_nothing():
    gate = Turnstile(2)  # the text before the picture, and the first of four calls for it
    made = backend(batch_tokens=8, gate=gate)
    with running(made) as engine:
        handle = ask(engine, "Look ", FIELD, "?")
        wait_until(lambda: made.image_calls)
        handle.cancel()
        gate.open()
        with pytest.raises(GenerationCancelled):
            handle.result()
        check_accounts(engine, made)
        assert ask(engine, "Look ", FIELD, "?").result().text == ",".join(map(str, range(10, 40)))
        check_accounts(engine, made)


def test_a_call_that_fails_ends_the_request_alone():
    made = backend(fails_at=[2])  # the first is that of the text before the picture
    with running(made) as engine:
        with pytest.raises(GenerationError, match="scripted failure"):
            ask(engine, "Look ", CAT, "?").result()
        assert ask(engine, "Look ", CAT, "?").result().text == "1,2,3"
        check_accounts(engine, made)


def test_what_was_swapped_out_comes_back_with_its_pictures():
    """Cells for one request and a half: requests give way, and are saved or decoded again."""
    for stores in ((), (HostCache(1 << 20),)):
        made = backend(cells=96, sequences=4)
        with running(made, context_size=90, stores=stores) as engine:
            params = GenerationParams(temperature=0)
            handles = [ask(engine, f"{number} ", FIELD, "?", params=params) for number in range(4)]
            for handle in handles:
                answer = ",".join(map(str, range(10, 40)))
                room = 90 - 33
                assert handle.result().text == answer[:room]
            check_accounts(engine, made)


def test_guesses_stop_before_a_picture():
    """The answer begins as the text before the picture did."""
    made = backend()
    with running(made) as engine:
        text = "1,2,3 1,2,3 "
        assert ask(engine, text, CAT, text, CAT, "?").result().text == "1,2,3,1,2,3"
    assert all((batch.tokens >= 0).all() for batch in made.batches)


@settings(max_examples=25, deadline=None)
@given(
    requests=st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(["a", "bcd", "?", "long text " * 4]),
                st.builds(
                    lambda size, start, is_causal: image(*range(start, start + size), is_causal=is_causal),
                    st.integers(1, 12),
                    st.integers(0, 5),
                    st.booleans(),
                ),
            ),
            max_size=5,
        ),
        min_size=1,
        max_size=6,
    ),
    batch_tokens=st.integers(12, 40),
)
def test_any_mixture_of_texts_and_pictures_is_seen_as_it_is(requests, batch_tokens):
    made = backend(cells=320, batch_tokens=batch_tokens)
    with running(made, context_size=300, stores=[HostCache(1 << 16)]) as engine:
        handles = [ask(engine, *parts, "?") for parts in requests]
        for parts, handle in zip(requests, handles, strict=True):
            rows = [row for part in parts if not isinstance(part, str) for _, row in part.rows]
            numbers = [int(number) for row in rows for number in row.embeddings[:, 0]]
            text = ",".join(map(str, numbers))
            assert handle.result().text == text[: len(handle.result().text)]
            assert handle.result().finish_reason == "length" or handle.result().text == text
        check_accounts(engine, made)
