import sys
from types import ModuleType

import pytest
from langchain_core.load import dumpd, dumps, load, loads

from gpt4all_core.errors import ConfigError
from langchain_gpt4all import ChatGPT4All, GPT4All, register

pytestmark = pytest.mark.filterwarnings("ignore:The function `loads?` is in beta")


@pytest.fixture
def langchain(monkeypatch):
    """What `register` writes into of the package langchain."""
    modules = {}
    for name in ("langchain", "langchain.chat_models", "langchain.embeddings"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    for name in ("langchain.chat_models.base", "langchain.embeddings.base"):
        modules[name] = ModuleType(name)
        modules[name]._BUILTIN_PROVIDERS = {}
        monkeypatch.setitem(sys.modules, name, modules[name])
    return modules


def test_registered_classes_are_made_by_langchain(langchain):
    register()
    register()
    made = {}
    for name, module in langchain.items():
        package, kind, make = module._BUILTIN_PROVIDERS["gpt4all"]
        made[name] = make(cls=getattr(sys.modules[package], kind), model="m")
    assert {name: (type(model).__name__, model.model) for name, model in made.items()} == {
        "langchain.chat_models.base": ("ChatGPT4All", "m"),
        "langchain.embeddings.base": ("GPT4AllEmbeddings", "m"),
    }


def test_a_langchain_that_keeps_its_lists_elsewhere_is_named(langchain):
    del langchain["langchain.embeddings.base"]._BUILTIN_PROVIDERS
    with pytest.raises(ConfigError, match=r"langchain\.embeddings\.base has no _BUILTIN_PROVIDERS"):
        register()


@pytest.mark.parametrize("kind", [ChatGPT4All, GPT4All])
def test_saved_objects_are_made_again_by_name(kind):
    register()
    model = kind(model="m", temperature=0.3, stop=["a", "b"], cache_dir="folder", seed=3)
    again = load(dumpd(model), valid_namespaces=["langchain_gpt4all"], allowed_objects="all")
    assert again == model
    assert again.stop == ("a", "b")
    assert loads(dumps(model), valid_namespaces=["langchain_gpt4all"], allowed_objects="all") == model


def test_saved_objects_are_made_again_where_the_class_is_named():
    model = ChatGPT4All(model="m", reasoning=True)
    assert load(dumpd(model), valid_namespaces=["langchain_gpt4all"], allowed_objects=[ChatGPT4All]) == model


def test_a_saved_object_has_no_key():
    assert "api_key" not in dumpd(ChatGPT4All(api_key="secret"))["kwargs"]
    assert "secret" not in dumps(ChatGPT4All(api_key="secret"))
