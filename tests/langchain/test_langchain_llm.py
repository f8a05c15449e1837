import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ContextOverflowError, ModelTimeoutError
from together import held_until

from gpt4all_core.local_model import LocalModel
from gpt4all_core.types import GenerationParams
from langchain_gpt4all import GPT4All
from langchain_gpt4all._errors import RequestTimeout

MODEL = "smollm2-135m-instruct"
PROMPT = "One, two, three,"
SAME = {"reproducible": True, "context_size": 560, "parallel": 4}
"""Of one whose texts may be compared."""


@pytest.fixture(scope="module")
def llm():
    with GPT4All(model=MODEL, temperature=0, max_tokens=6, **SAME) as model:
        yield model


async def test_every_face_continues_the_text_as_it_stands(llm):
    with LocalModel(MODEL, **SAME) as model:
        bare = model.complete(PROMPT, GenerationParams(temperature=0, max_tokens=6)).result().text
    assert bare
    assert llm.invoke(PROMPT) == bare
    assert await llm.ainvoke(PROMPT) == bare
    assert "".join(llm.stream(PROMPT)) == bare
    assert "".join([piece async for piece in llm.astream(PROMPT)]) == bare
    assert len(list(llm.stream(PROMPT))) > 4


async def test_a_batch_is_decoded_together_and_in_order(llm):
    prompts = [PROMPT, "A, B, C,", "Red, green,", "North, south,"]
    alone = [llm.invoke(prompt) for prompt in prompts]
    with LocalModel(MODEL, **SAME) as watched:
        with held_until(watched, 4):
            assert llm.batch(prompts) == alone
        assert watched.counters.widest_batch > 2
    assert await llm.abatch(prompts) == alone


def test_one_prompt_too_long_fails_the_batch_and_stops_the_others():
    engine = {"context_size": 570, "parallel": 1}
    with GPT4All(model=MODEL, temperature=0, **engine) as model, LocalModel(MODEL, **engine) as watched:
        with pytest.raises(ValueError, match="570") as caught:
            model.batch([PROMPT, "word " * 900])
        # It would have to wait for what was left running, which the traceback keeps alive.
        watched.complete("x", GenerationParams(max_tokens=2)).result()
        assert watched.counters.decoded_tokens < 200
        assert isinstance(caught.value, ContextOverflowError)


async def test_time_runs_out_on_every_face():
    # No model answers that fast, however short the answer.
    with GPT4All(model=MODEL, temperature=0, timeout=1e-6) as model:
        with pytest.raises(RequestTimeout, match="1e-06 s"):
            model.invoke(PROMPT)
        with pytest.raises(ModelTimeoutError):
            model.batch([PROMPT, "A, B, C,"])
        with pytest.raises(TimeoutError):
            list(model.stream(PROMPT))
        with pytest.raises(ModelTimeoutError):
            await model.ainvoke(PROMPT)
        with pytest.raises(ModelTimeoutError):
            [piece async for piece in model.astream(PROMPT)]
        assert model.invoke(PROMPT, max_tokens=2, timeout=60)


def test_usage_comes_with_the_result(llm):
    result = llm.generate([PROMPT, PROMPT])
    usage = result.llm_output["token_usage"]
    assert usage["completion_tokens"] == 12
    assert result.generations[1][0].generation_info["usage_metadata"]["output_tokens"] == 6
    assert result.llm_output["model_name"] == MODEL


def test_callbacks_see_every_token_of_a_stream(llm):
    class Listener(BaseCallbackHandler):
        tokens = ""

        def on_llm_new_token(self, token, **kwargs):
            self.tokens += token

    listener = Listener()
    assert "".join(llm.stream(PROMPT, {"callbacks": [listener]})) == listener.tokens


def test_caches_tell_the_objects_own_stops_apart():
    # As LangChain makes the key: what the call gave stands where the object's own was.
    keys = [
        str({**GPT4All(model=MODEL, stop=[stop])._identifying_params, "stop": None}) for stop in ("a", "b")
    ]
    assert keys[0] != keys[1]
