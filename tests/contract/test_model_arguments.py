"""Both adapters hand every argument of a LocalModel on, by the same name, and their pages list them."""

import inspect
import re
from pathlib import Path

import pytest

from gpt4all_core.arguments import argument_names, merge_call
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.local_model import LocalModel
from gpt4all_core.shared_models import ModelRecipe
from langchain_gpt4all import ChatGPT4All, GPT4AllEmbeddings
from langchain_gpt4all import GPT4All as LangChainGPT4All
from langchain_gpt4all._fields import ChatModelFields
from langchain_gpt4all._fields import LocalModelFields as LangChainFields
from llamaindex_gpt4all import GPT4All as LlamaIndexGPT4All
from llamaindex_gpt4all import GPT4AllEmbedding
from llamaindex_gpt4all._fields import ChatModelFields as LlamaIndexChatFields
from llamaindex_gpt4all._fields import LocalModelFields as LlamaIndexFields

DOCS = Path(__file__).parents[2] / "docs"
MODEL = "smollm2-135m-instruct"
KINDS = pytest.mark.parametrize("kind", [ChatGPT4All, LangChainGPT4All, LlamaIndexGPT4All])
SIGNATURE = dict(inspect.signature(LocalModel).parameters)
FOLDER = Path.cwd() / "conversations"
GIVEN = {
    "context_size": 77,
    "threads": 1,
    "device": "cpu",
    "gpu_layers": 0,
    "kv_type": "q8_0",
    "parallel": 3,
    "max_waiting": 0,
    "cache_bytes": 0,
    "cache_dir": FOLDER,
    "idle_ttl_s": 5.0,
    "reproducible": True,
    "isolate": True,
    "projector": FOLDER / "mmproj.gguf",
    "allow_download": True,
}
ELSEWHERE = {"allow_download", "projector"}
"""What a LocalModel keeps beside its settings."""


def test_every_argument_of_a_local_model_is_tried_here():
    assert set(GIVEN) == set(SIGNATURE) - {"model"}


@KINDS
def test_every_argument_reaches_the_local_model_unchanged(kind):
    face = kind(model=MODEL, **GIVEN)
    assert face._recipe(MODEL) == ModelRecipe(
        MODEL, **GIVEN | {"cache_dir": str(FOLDER), "projector": str(GIVEN["projector"])}
    )
    model = face._chat_model(MODEL)
    reached = {name: getattr(model._settings, name) for name in GIVEN if name not in ELSEWHERE}
    assert reached | {name: getattr(model, f"_{name}") for name in ELSEWHERE} == GIVEN


@pytest.mark.parametrize("fields", [LangChainFields, LlamaIndexFields])
def test_defaults_are_those_of_the_local_model(fields):
    defaults = {name: fields.model_fields[name].default for name in GIVEN}
    assert defaults == {name: SIGNATURE[name].default for name in GIVEN}


@KINDS
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("context_size", 0),
        ("threads", 0),
        ("device", ""),
        ("gpu_layers", -2),
        ("kv_type", "f32"),
        ("parallel", 0),
        ("parallel", 257),
        ("max_waiting", -1),
        ("cache_bytes", -1),
        ("cache_dir", ""),
        ("cache_dir", 3),
        ("idle_ttl_s", 0),
        ("reproducible", "perhaps"),
        ("isolate", "perhaps"),
        ("timeout", 0),
        ("timeout", float("inf")),
        ("timeout", float("nan")),
    ],
)
def test_impossible_values_are_refused_by_name(kind, name, value):
    with pytest.raises(ConfigError, match=re.escape(f"{name}={value!r}")):
        kind(**{name: value})


ALL_KINDS = pytest.mark.parametrize(
    "kind", [ChatGPT4All, LangChainGPT4All, LlamaIndexGPT4All, GPT4AllEmbeddings, GPT4AllEmbedding]
)


@ALL_KINDS
@pytest.mark.parametrize(
    "given",
    [
        {"model_name": MODEL},
        {"model": MODEL, "model_name": MODEL},
    ],
)
def test_model_name_says_the_same_as_model(kind, given):
    assert kind(**given).model == MODEL
    assert kind.model_validate(given).model == MODEL


@pytest.mark.parametrize("kind", [ChatGPT4All, LangChainGPT4All, LlamaIndexGPT4All, GPT4AllEmbeddings])
def test_model_name_beside_no_model_names_it(kind):
    assert kind(model=None, model_name=MODEL).model == MODEL


def test_beside_no_model_the_embeddings_model_name_is_the_label_that_to_dict_writes():
    assert GPT4AllEmbedding(model=None, model_name="label").model is None


@KINDS
def test_an_empty_model_name_leaves_the_model(kind):
    assert kind(model=MODEL, model_name=None).model == MODEL


@pytest.mark.parametrize("kind", [ChatGPT4All, LangChainGPT4All, LlamaIndexGPT4All, GPT4AllEmbeddings])
def test_two_models_are_refused(kind):
    with pytest.raises(ConfigError, match=f"{kind.__name__}: model='a' and model_name='b' name two models"):
        kind(model="a", model_name="b")


def test_beside_a_model_a_llamaindex_embedding_takes_model_name_as_its_label():
    embedding = GPT4AllEmbedding(model=MODEL, model_name="ours")
    assert (embedding.model, embedding.model_name) == (MODEL, "ours")


@KINDS
@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("model_path", "did you mean model?"),
        ("n_ctx", "did you mean context_size?"),
        ("num_predict", "did you mean max_tokens?"),
        ("n_threads", "did you mean threads?"),
        ("num_gpu", "did you mean gpu_layers?"),
        ("keep_alive", "did you mean idle_ttl_s?"),
        ("request_timeout", "did you mean timeout?"),
        ("memory_budget", "set GPT4ALL_MEMORY_BUDGET, or memory_budget in config.toml"),
        ("n_batch", "leave it out"),
        ("xyz", "known are max_tokens, temperature"),
    ],
)
def test_a_name_from_elsewhere_is_answered_with_the_one_here(kind, name, advice):
    with pytest.raises(UnsupportedParameter, match=re.escape(f"takes no argument {name!r}; {advice}")):
        kind(**{name: 1})


def test_the_projects_own_arguments_are_listed_before_the_frameworks():
    names = argument_names(ChatGPT4All)
    assert names.index("streaming") < names.index("callbacks")
    assert names.index("timeout") < names.index("callbacks")


def test_what_only_a_constructor_takes_is_said_under_its_own_name():
    with pytest.raises(UnsupportedParameter, match="did you mean context_size\\? give it to the constructor"):
        merge_call(ChatGPT4All(), {"num_ctx": 1}, owner="a call")


@KINDS
def test_an_empty_text_to_stop_at_is_answered_with_what_is_taken(kind):
    with pytest.raises(ConfigError, match="got stop=''; leave it out"):
        kind(stop="")


@ALL_KINDS
@pytest.mark.parametrize("name", ["model", "model_name"])
def test_a_model_of_no_name_is_refused_when_it_is_given(kind, name):
    with pytest.raises(ConfigError, match=f"got {name}=''; name a model, or leave it out"):
        kind(**{name: ""})


@KINDS
def test_a_single_text_to_stop_at_is_answered_with_a_list(kind):
    with pytest.raises(ConfigError, match=re.escape("got stop='x'; give a list: stop=['x']")):
        kind(stop="x")


@pytest.mark.parametrize(
    ("page", "fields", "more"),
    [
        ("langchain.md", ChatModelFields, {"streaming"}),
        ("llamaindex.md", LlamaIndexChatFields, set()),
    ],
)
def test_the_page_lists_every_argument_and_no_other(page, fields, more):
    text = (DOCS / page).read_text("utf-8")
    table = re.search(r"^\| argument .*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(set(fields.model_fields) - {"model"} | more)
