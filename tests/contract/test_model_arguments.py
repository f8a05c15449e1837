"""Both adapters hand every argument of a LocalModel on, by the same name, and their pages list them."""

import inspect
import re
from pathlib import Path

import pytest

from gpt4all_core.errors import ConfigError
from gpt4all_core.local_model import LocalModel
from gpt4all_core.shared_models import ModelRecipe
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all import GPT4All as LangChainGPT4All
from langchain_gpt4all._fields import LocalModelFields as LangChainFields
from llamaindex_gpt4all import GPT4All as LlamaIndexGPT4All
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
    "allow_download": True,
}


def test_every_argument_of_a_local_model_is_tried_here():
    assert set(GIVEN) == set(SIGNATURE) - {"model"}


@KINDS
def test_every_argument_reaches_the_local_model_unchanged(kind):
    face = kind(model=MODEL, **GIVEN)
    assert face._recipe(MODEL) == ModelRecipe(MODEL, **GIVEN | {"cache_dir": str(FOLDER)})
    model = face._local_model(MODEL)
    reached = {name: getattr(model._settings, name) for name in GIVEN if name != "allow_download"}
    assert reached | {"allow_download": model._allow_download} == GIVEN


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


@pytest.mark.parametrize(
    ("page", "fields", "more"),
    [
        ("langchain.md", LangChainFields, {"streaming"}),
        ("llamaindex.md", LlamaIndexFields, set()),
    ],
)
def test_the_page_lists_every_argument_and_no_other(page, fields, more):
    text = (DOCS / page).read_text("utf-8")
    table = re.search(r"^\| argument .*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(set(fields.model_fields) - {"model"} | more)
