"""One script through both adapters: the frameworks differ, the model's answers must not."""

import gc

import pytest
from adapter_faces import FACES, MODEL

from gpt4all_core.errors import ConfigError, ContextOverflow, UnsupportedParameter
from gpt4all_core.local_model import LocalModel
from gpt4all_core.model_pool import pool
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all._fields import LocalModelFields as LangChainFields
from llamaindex_gpt4all import GPT4All
from llamaindex_gpt4all._fields import LocalModelFields as LlamaIndexFields

TALK = [("system", "Be brief."), ("user", "Hi."), ("assistant", "Hello!"), ("user", "Name three birds.")]


@pytest.fixture
def fresh():
    """Arguments of an engine whose texts may be compared."""
    engine = {"context_size": 610, "parallel": 1, "reproducible": True}
    with LocalModel(MODEL, **engine):
        yield {"temperature": 0, "max_tokens": 10, **engine}


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"max_tokens": 3},
        {"stop": ["e"]},
        {"temperature": 0.8, "seed": 7},
        {"repeat_penalty": 1.3},
    ],
    ids=str,
)
async def test_both_adapters_give_the_same_text_and_usage_on_every_face(fresh, overrides):
    seen = set()
    for kind in FACES:
        with (face := kind(**fresh)).model:
            seen |= {face.chat(TALK, **overrides), face.stream(TALK, **overrides)}
            seen |= {await face.achat(TALK, **overrides), await face.astream(TALK, **overrides)}
    assert len(seen) == 1


@pytest.mark.parametrize("kind", FACES)
def test_arguments_of_the_object_and_of_the_call_mean_the_same(fresh, kind):
    chosen = {"temperature": 0, "max_tokens": 4, "stop": ["z"]}
    of_object = kind(**fresh | chosen).chat(TALK)
    of_call = kind(**fresh | {"temperature": 1, "stop": ["e"]}).chat(TALK, **chosen)
    assert of_object == of_call


@pytest.mark.parametrize("kind", FACES)
def test_an_answer_that_was_begun_is_gone_on_with(fresh, kind):
    begun = "1. Robin 2."
    with (face := kind(**fresh | {"max_tokens": 1})).model, LocalModel(MODEL) as model:
        asked = face.chat(TALK).prompt_tokens
        assert face.chat([*TALK, ("assistant", begun)]).prompt_tokens == asked + model.count_tokens(begun)


@pytest.mark.parametrize("kind", FACES)
async def test_both_refuse_the_same_things_in_the_same_words(kind):
    face = kind()
    with pytest.raises(ContextOverflow) as caught:
        face.chat([("user", "word " * 5000)])
    assert caught.value.context_size == 4096
    with pytest.raises(UnsupportedParameter, match="'max_tokenz'; did you mean max_tokens"):
        await face.achat(TALK, max_tokenz=3)
    with pytest.raises(UnsupportedParameter, match="'max_tokenz'; did you mean max_tokens"):
        kind(max_tokenz=3)


@pytest.mark.parametrize("kind", [ChatGPT4All, GPT4All])
def test_model_name_is_another_word_for_model_and_both_at_once_are_refused(kind):
    assert kind(model_name="x").model == kind(model="x").model == "x"
    with pytest.raises(ConfigError, match="model_name"):
        kind(model="a", model_name="b")


def test_both_take_the_same_arguments_with_the_same_defaults():
    def arguments(fields):
        return {name: field.default for name, field in fields.model_fields.items()}

    assert arguments(LangChainFields) == arguments(LlamaIndexFields)


def test_objects_of_both_frameworks_hold_one_copy_of_the_weights():
    gc.collect()  # models of earlier tests that nobody holds any more
    others, before = set(pool._entries), pool.open_count
    models = [ChatGPT4All(model=MODEL, context_size=601), ChatGPT4All(model=MODEL, context_size=601)]
    models.append(GPT4All(model=MODEL, context_size=601))
    path = LocalModel(MODEL).path
    models.append(ChatGPT4All(model=path, context_size=602))
    for model in models[:2]:
        model.invoke("hi", max_tokens=1)
    models[2].complete("hi", max_tokens=1)
    models[3].invoke("hi", max_tokens=1)
    assert [key[0] for key in pool._entries if key not in others].count("weights") <= 1
    assert pool.open_count <= before + 3  # two context sizes, and the weights if they were not open
    for model in models:
        model.close()
    assert pool.open_count <= before
