"""OpenAI's own client against the server, over the loopback address."""

import asyncio

import openai
import pytest
from pydantic import BaseModel
from served import Breaking, Continuing, Endless, Full, Hashed, Rated, Script

from gpt4all_app.server.find_models import find_models
from gpt4all_app.server.options import ServerOptions
from gpt4all_core.types import Message, ToolCall

QUESTION = [{"role": "user", "content": "Hello"}]
CALL = ToolCall("call_1", "weather", '{"place": "Kiel"}')
PARAMETERS = {"type": "object", "properties": {"place": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
SAID = Message("assistant", "Good morning.", (CALL,), reasoning="Be polite.")


class Weather(BaseModel):
    place: str
    degrees: int


@pytest.fixture
def connect(running):
    """Clients of servers of models, which are closed with the test."""
    opened = []

    def start(*models, api_key="none", options=None):
        server = running(*models, options=options)
        opened.append(openai.OpenAI(base_url=f"{server.url}/v1", api_key=api_key, max_retries=0, timeout=60))
        return opened[-1]

    yield start
    for client in opened:
        client.close()


def test_a_stream_is_put_together_with_thoughts_calls_and_usage(connect):
    client = connect(Script([SAID]))
    with client.chat.completions.stream(
        model="scripted", messages=QUESTION, tools=[WEATHER], stream_options={"include_usage": True}
    ) as stream:
        texts = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(texts) == "Good morning."
    [choice] = final.choices
    assert choice.message.content == "Good morning."
    assert choice.message.tool_calls[0].function.arguments == CALL.arguments
    assert choice.message.tool_calls[0].id == "call_1"
    assert final.usage.total_tokens == final.usage.prompt_tokens + final.usage.completion_tokens


async def test_the_client_for_event_loops_streams_calls_and_parses(running):
    answers = [Message("assistant", "Let me look.", (CALL,)), '{"place": "Kiel", "degrees": 7}']
    base_url = f"{running(Script(answers)).url}/v1"
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        asked = {"model": "scripted", "messages": QUESTION}
        async with client.chat.completions.stream(**asked, tools=[WEATHER]) as stream:
            kinds = {event.type async for event in stream}
            called = await stream.get_final_completion()
        parsed = await client.chat.completions.parse(**asked, response_format=Weather)
    assert {"content.delta", "tool_calls.function.arguments.delta"} <= kinds
    assert called.choices[0].finish_reason == "tool_calls"
    assert called.choices[0].message.tool_calls[0].function.arguments == CALL.arguments
    assert parsed.choices[0].message.parsed == Weather(place="Kiel", degrees=7)


def test_a_streamed_call_comes_in_parts(connect):
    chunks = connect(Script([SAID])).chat.completions.create(
        model="scripted", messages=QUESTION, tools=[WEATHER], stream=True
    )
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert (calls[0].id, calls[0].function.name) == ("call_1", "weather")
    assert "".join(call.function.arguments for call in calls) == CALL.arguments


def test_a_class_is_parsed_from_a_stream(connect):
    client = connect(Script(['{"place": "Kiel", "degrees": 7}']))
    with client.chat.completions.stream(
        model="scripted", messages=QUESTION, response_format=Weather
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.parsed == Weather(place="Kiel", degrees=7)


def test_an_answer_is_parsed_into_a_class(connect):
    script = Script(['{"place": "Kiel", "degrees": 7}'])
    parsed = connect(script).chat.completions.parse(
        model="scripted", messages=QUESTION, response_format=Weather
    )
    assert parsed.choices[0].message.parsed == Weather(place="Kiel", degrees=7)
    assert set(script.calls[0].rule["schema"]["required"]) == {"place", "degrees"}


def test_a_call_and_its_result_go_back_and_forth(connect):
    script = Script([Message("assistant", None, (CALL,)), "It is cold in Kiel."])
    client = connect(script)
    asked = client.chat.completions.create(model="scripted", messages=QUESTION, tools=[WEATHER])
    message = asked.choices[0].message
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "7 degrees"}
    answered = client.chat.completions.create(
        model="scripted", messages=[*QUESTION, message, result], tools=[WEATHER]
    )
    assert answered.choices[0].message.content == "It is cold in Kiel."
    assert [each.role for each in script.calls[1].messages] == ["user", "assistant", "tool"]
    assert script.calls[1].messages[2].name == "weather"


def test_responses_stream_to_the_answer_that_comes_whole(connect):
    client = connect(Script([SAID]))
    tool = {"type": "function", "name": "weather", "parameters": PARAMETERS}
    whole = client.responses.create(model="scripted", input="Hello", tools=[tool])
    with client.responses.stream(model="scripted", input="Hello", tools=[tool]) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    for kind in ("reasoning_text", "output_text", "function_call_arguments"):
        assert {f"response.{kind}.delta", f"response.{kind}.done"} <= set(kinds)
    assert final.output_text == whole.output_text == "Good morning."
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.output[2].arguments == whole.output[2].arguments == CALL.arguments
    assert final.usage.input_tokens == 1


def test_a_response_goes_on_with_what_the_last_one_put_out(connect):
    script = Script([SAID, "It is cold."])
    client = connect(script)
    tool = {"type": "function", "name": "weather", "parameters": PARAMETERS}
    first = client.responses.create(model="scripted", instructions="Be kind.", input="Hello", tools=[tool])
    result = {"type": "function_call_output", "call_id": "call_1", "output": "7 degrees"}
    second = client.responses.create(model="scripted", input=[*QUESTION, *first.output, result], tools=[tool])
    assert second.output_text == "It is cold."
    assert script.calls[0].messages[0] == Message("system", "Be kind.")
    _, said, answered = script.calls[1].messages
    assert (said.text, said.reasoning, said.tool_calls) == (SAID.content, SAID.reasoning, (CALL,))
    assert (answered.name, answered.content) == ("weather", "7 degrees")


def test_a_response_is_parsed_into_a_class(connect):
    client = connect(Script(['{"place": "Kiel", "degrees": 7}']))
    parsed = client.responses.parse(model="scripted", input="Hello", text_format=Weather)
    assert parsed.output_parsed == Weather(place="Kiel", degrees=7)


def test_a_response_that_is_cut_says_why(connect):
    cut = connect(Script(["one two three"])).responses.create(
        model="scripted", input="Hello", max_output_tokens=2
    )
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert cut.output_text == "one two"


def test_log_probabilities_of_a_stream_are_put_together(connect):
    with connect(Rated()).chat.completions.stream(
        model="scripted", messages=QUESTION, logprobs=True
    ) as stream:
        final = stream.get_final_completion()
    assert [token.token for token in final.choices[0].logprobs.content] == ["one", " two", " three"]


def test_texts_and_vectors_come_too(connect):
    client = connect(Continuing(), Hashed())
    assert client.completions.create(model="scripted", prompt="On").choices[0].text == " and on"
    # The client asks for base64 by itself.
    embedded = client.embeddings.create(model="hash", input=["a cat", "a dog"])
    assert [len(each.embedding) for each in embedded.data] == [64, 64]
    assert [model.id for model in client.models.list()] == ["scripted", "hash"]
    assert client.models.retrieve("hash").id == "hash"


@pytest.mark.parametrize(
    ("model", "given", "kind"),
    [
        ("gpt-5", {}, openai.NotFoundError),
        ("scripted", {"temperature": -1}, openai.BadRequestError),
        ("scripted", {"extra_headers": {"Host": "evil.example"}}, openai.PermissionDeniedError),
        ("scripted", {"extra_headers": {"Authorization": "Bearer wrong"}}, openai.AuthenticationError),
    ],
)
def test_errors_are_what_the_client_calls_them(connect, model, given, kind):
    client = connect(api_key="right", options=ServerOptions(api_key="right"))
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=QUESTION, **given)
    assert caught.value.body["message"]
    assert client.chat.completions.create(model="scripted", messages=QUESTION).choices


@pytest.mark.parametrize(
    ("model", "given", "kind"),
    [
        ("gpt-5", "a cat", openai.NotFoundError),
        ("scripted", "a cat", openai.BadRequestError),
        ("hash", [[1, 2]], openai.BadRequestError),
        ("hash", [], openai.BadRequestError),
    ],
)
def test_what_cannot_be_embedded_is_an_error(connect, model, given, kind):
    with pytest.raises(kind) as caught:
        connect(Script(), Hashed()).embeddings.create(model=model, input=given)
    assert caught.value.body["message"]


def test_vectors_are_the_same_as_numbers_and_in_base64(connect):
    client = connect(Hashed())
    packed = client.embeddings.create(model="hash", input=["a cat"])
    plain = client.embeddings.create(model="hash", input=["a cat"], encoding_format="float")
    assert packed.data[0].embedding == plain.data[0].embedding


def test_a_full_queue_and_a_model_that_breaks_off_are_errors_of_the_client(connect):
    with pytest.raises(openai.RateLimitError) as caught:
        connect(Full()).chat.completions.create(model="scripted", messages=QUESTION)
    assert caught.value.response.headers["retry-after"] == "1"
    stream = connect(Breaking(["Some words."])).chat.completions.create(
        model="scripted", messages=QUESTION, stream=True
    )
    with pytest.raises(openai.APIError, match="unforeseen"):
        list(stream)


def test_headers_can_be_read_beside_the_answer(connect):
    raw = connect().chat.completions.with_raw_response.create(
        model="scripted", messages=QUESTION, user="ann", extra_body={"mood": "kind"}
    )
    assert raw.headers["x-ignored-parameters"] == "user, mood"
    assert raw.parse().choices[0].message.content == "OK."


def test_a_timeout_of_the_client_stops_the_model(connect):
    model = Endless()
    with pytest.raises(openai.APITimeoutError):
        connect(model).chat.completions.create(model="scripted", messages=QUESTION, timeout=1)
    assert model.left.acquire(timeout=60)


async def test_a_task_that_is_cancelled_stops_the_model(running):
    model = Endless()
    base_url = f"{running(model).url}/v1"
    async with openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        stream = await client.chat.completions.create(model="scripted", messages=QUESTION, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
        assert await asyncio.to_thread(model.left.acquire, timeout=60)


def test_the_starter_model_answers_in_a_form_that_it_is_given(connect):
    model = find_models(["smollm2-135m-instruct"]).chat(None)
    model.role = "chat"
    client = connect(model)
    parsed = client.chat.completions.parse(
        model="smollm2-135m-instruct",
        messages=QUESTION,
        response_format=Weather,
        temperature=0,
        max_completion_tokens=64,
        logprobs=True,
        top_logprobs=2,
    )
    [choice] = parsed.choices
    assert isinstance(choice.message.parsed, Weather)
    assert choice.logprobs.content[0].token.startswith("{")
    tool = {"type": "function", "name": "weather", "parameters": PARAMETERS}
    called = client.responses.create(
        model="smollm2-135m-instruct",
        input="Hello",
        tools=[tool],
        tool_choice="required",
        temperature=0,
        max_output_tokens=64,
    )
    assert called.output[0].name == "weather"
