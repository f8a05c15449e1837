"""LlamaIndex on the starter model: not clever, but valid in all it does."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from agent_conversations import QUESTION, TOOLS
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel, Field

from llamaindex_gpt4all import GPT4All

MODEL = "smollm2-135m-instruct"


class Report(BaseModel):
    """The weather."""

    city: str = Field(max_length=20)
    sky: Literal["sunny", "cloudy"]
    degrees: int = Field(ge=-50, le=50)


@pytest.fixture(scope="module")
def llm():
    with GPT4All(model=MODEL, max_tokens=64, temperature=0) as opened:
        yield opened


@pytest.mark.parametrize("tool_choice", ["required", "add"])
async def test_a_call_that_must_come_comes_on_every_face_and_fits(llm, tool_choice):
    asked = {"tools": TOOLS, "chat_history": [QUESTION], "tool_choice": tool_choice}
    responses = [
        llm.chat_with_tools(**asked),
        await llm.achat_with_tools(**asked),
        list(llm.stream_chat_with_tools(**asked))[-1],
        [response async for response in await llm.astream_chat_with_tools(**asked)][-1],
    ]
    identities = set()
    for response in responses:
        [call] = llm.get_tool_calls_from_response(response)
        identities.add(call.tool_id)
        assert call.tool_name in ({"add"} if tool_choice == "add" else {"add", "weather"})
        kinds = {name: type(value) for name, value in call.tool_kwargs.items()}
        assert kinds == ({"city": str} if call.tool_name == "weather" else {"a": int, "b": int})
        assert json.loads(response.message.additional_kwargs["tool_calls"][0]["function"]["arguments"])
    assert len(identities) == 4


@pytest.mark.parametrize("mode", [PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION])
@pytest.mark.parametrize("seed", range(3))
async def test_whatever_the_model_writes_is_an_object(mode, seed):
    prompt = PromptTemplate("The weather in {city}.")
    llm = GPT4All(model=MODEL, seed=seed, max_tokens=80, pydantic_program_mode=mode)
    assert isinstance(llm.structured_predict(Report, prompt, city="Graz"), Report)
    assert isinstance(await llm.astructured_predict(Report, prompt, city="Graz"), Report)
    made = list(llm.stream_structured_predict(Report, prompt, city="Graz"))
    assert isinstance(made[-1], Report)
    assert len({found.model_dump_json() for found in made}) >= 3


def test_threads_and_event_loops_beside_each_other_get_what_they_get_alone():
    questions = [[ChatMessage(content=f"Name {count} birds.")] for count in range(2, 10)]
    engine = {"context_size": 256, "reproducible": True}
    with GPT4All(model=MODEL, temperature=0, max_tokens=10, **engine) as llm:
        alone = [llm.chat(question).message.content for question in questions]
        found = {}

        def in_a_loop(number):
            async def ask():
                return await asyncio.gather(*(llm.achat(question) for question in questions[:3]))

            found[number] = [response.message.content for response in asyncio.run(ask())]

        loops = [threading.Thread(target=in_a_loop, args=(number,)) for number in range(3)]
        for loop in loops:
            loop.start()
        with ThreadPoolExecutor(8) as threads:
            together = [response.message.content for response in threads.map(llm.chat, questions)]
        for loop in loops:
            loop.join()
    assert together == alone
    assert found == dict.fromkeys(range(3), alone[:3])


def test_logprobs_come_with_every_token(llm):
    response = llm.complete("Say hello.", max_tokens=4, logprobs=True, top_logprobs=2)
    assert len(response.logprobs) == response.additional_kwargs["completion_tokens"]
    assert {len(step) for step in response.logprobs} <= {2, 3}
    assert all(step[0].logprob <= 0 for step in response.logprobs)
