"""LangChain's standard tests on the starter model: what is held to the rules needs no cleverness."""

from typing import ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from gpt4all_core.catalog.resolve import resolve_model
from langchain_gpt4all import ChatGPT4All

MODEL = "smollm2-135m-instruct"

NEEDS_CLEVERNESS = {
    "test_agent_loop": "it makes the weather up; with none of 20 seeds it made exactly one call",
    "test_tool_calling_with_no_arguments": "left to itself it makes two such calls where one is enough",
}


@pytest.fixture(autouse=True)
def files(fetched):
    """Those that the tests fetch."""


# Without recorded traffic, which a local model has none of, the suite's own test times nothing.
@pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")
class TestStarter(ChatModelIntegrationTests):
    chat_model_class = ChatGPT4All
    supports_json_mode = True
    supports_pdf_inputs = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    enable_vcr_tests = True
    model_override_value = MODEL
    supported_usage_metadata_details: ClassVar = {
        "invoke": ["cache_read_input"],
        "stream": ["cache_read_input"],
    }

    @property
    def chat_model_params(self):
        # Else rounding differs with what was asked before, and with it now and then a word that a test wants.
        fixed = {"temperature": 0, "reproducible": True}
        return {"model": str(resolve_model(MODEL)), "max_tokens": 48, **fixed}

    def invoke_with_cache_read_input(self, *, stream=False):
        model = ChatGPT4All(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        chunks = list(model.stream("Hello"))
        return sum(chunks[1:], chunks[0])
