"""LangChain's standard tests, with a scripted model that does what it is asked.

What is tested is the adapter: that requests reach a model as they were meant, and answers LangChain.
"""

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from scripted_models import CleverModel, use

from langchain_gpt4all import ChatGPT4All, register

MODEL = "smollm2-135m-instruct"


@pytest.fixture(autouse=True)
def clever_model(monkeypatch, fetched):
    use(monkeypatch, lambda recipe: CleverModel(name=recipe.reference or "default"))
    register()


class Abilities:
    chat_model_class = ChatGPT4All
    chat_model_params: ClassVar = {"model": MODEL}
    supports_json_mode = True
    supports_image_inputs = True
    supports_image_tool_message = True
    supports_audio_inputs = True
    supports_pdf_inputs = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    enable_vcr_tests = True
    model_override_value = "another-model"
    supported_usage_metadata_details: ClassVar = {
        "invoke": ["cache_read_input", "reasoning_output"],
        "stream": ["cache_read_input", "reasoning_output"],
    }

    def invoke_with_cache_read_input(self, *, stream=False):
        return answer(ChatGPT4All(**self.chat_model_params), stream=stream)

    def invoke_with_reasoning_output(self, *, stream=False):
        return answer(ChatGPT4All(**self.chat_model_params, reasoning=True), stream=stream)


def answer(model, *, stream):
    if not stream:
        return model.invoke("Hello")
    chunks = list(model.stream("Hello"))
    return sum(chunks[1:], chunks[0])


class TestUnit(Abilities, ChatModelUnitTests):
    init_from_env_params: ClassVar = (
        {"GPT4ALL_MODEL": MODEL, "LC_OUTPUT_VERSION": "v1"},
        {},
        {"output_version": "v1"},
    )


# Without recorded traffic, which a local model has none of, the suite's own test times nothing.
@pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")
class TestIntegration(Abilities, ChatModelIntegrationTests):
    pass
