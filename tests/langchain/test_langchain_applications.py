"""What programs put around a chat model: limits, fallbacks, choices, caches, histories, traces."""

import pytest
from langchain_core.caches import BaseCache
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.load import dumps, loads
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import ConfigurableField
from langchain_core.runnables.history import RunnableWithMessageHistory
from scripted_models import CleverModel, EventModel, ScriptedLocalModel, use

from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.errors import ContextOverflow, EngineBusy
from gpt4all_core.types import Completion, Message, Timing, ToolCall, Usage
from langchain_gpt4all import ChatGPT4All

MODEL = "smollm2-135m-instruct"
CALL = Message("assistant", "Let me see.", (ToolCall("c", "news", '{"topic": "好"}'),), reasoning="Hm.")


def news(topic: str) -> str:
    """What happened."""
    return topic


class RefusingModel(ScriptedLocalModel):
    """Raises these errors, one after the other, before it answers."""

    def __init__(self, *errors, **options):
        super().__init__(**options)
        self.errors = list(errors)

    def chat(self, *arguments, **options):
        if self.errors:
            raise self.errors.pop(0)
        return super().chat(*arguments, **options)


def by_name(**models):
    """The model that an object asks for."""
    return lambda recipe: models[recipe.reference]


class CountingLimiter(BaseRateLimiter):
    def __init__(self):
        self.asked = []

    def acquire(self, *, blocking=True):
        self.asked.append(blocking)
        return True

    async def aacquire(self, *, blocking=True):
        return self.acquire(blocking=blocking)


async def test_a_rate_limiter_is_asked_once_for_each_request(monkeypatch):
    use(monkeypatch, ScriptedLocalModel())
    limiter = CountingLimiter()
    model = ChatGPT4All(rate_limiter=limiter)
    model.invoke("a")
    await model.ainvoke("b")
    list(model.stream("c"))
    model.batch(["d", "e"])
    assert limiter.asked == [True] * 5


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ContextOverflow(9000, 4096), ContextOverflowError), (EngineBusy(0), ModelRateLimitError)],
    ids=["too long", "busy"],
)
async def test_another_model_steps_in_for_langchains_kinds_of_errors(monkeypatch, error, kind):
    large = ScriptedLocalModel(["From the large one."])
    use(monkeypatch, by_name(small=RefusingModel(*[error] * 4), large=large))
    model = ChatGPT4All(model="small").with_fallbacks(
        [ChatGPT4All(model="large")], exceptions_to_handle=(kind,)
    )
    texts = [model.invoke("hello").text, (await model.ainvoke("hello")).text]
    texts.append("".join(chunk.text for chunk in model.stream("hello")))
    texts.append("".join([chunk.text async for chunk in model.astream("hello")]))
    assert texts == ["From the large one."] * 4


def test_a_busy_model_is_asked_again_and_a_long_prompt_is_not(monkeypatch):
    busy = RefusingModel(EngineBusy(0), EngineBusy(0))
    use(monkeypatch, busy)
    again = ChatGPT4All().with_retry(
        retry_if_exception_type=(ModelRateLimitError,), wait_exponential_jitter=False, stop_after_attempt=3
    )
    assert again.invoke("hello").text == "OK."
    busy.errors = [ContextOverflow(9000, 4096)] * 3
    with pytest.raises(ContextOverflowError):
        again.invoke("hello")
    assert len(busy.errors) == 2


def test_arguments_and_models_are_chosen_by_the_config_of_a_call(monkeypatch):
    small, large = ScriptedLocalModel(["small"]), ScriptedLocalModel(["large"])
    use(monkeypatch, by_name(small=small, large=large))
    model = (
        ChatGPT4All(model="small")
        .configurable_fields(temperature=ConfigurableField(id="heat"))
        .configurable_alternatives(
            ConfigurableField(id="size"), default_key="small", large=ChatGPT4All(model="large")
        )
    )
    assert model.with_config(configurable={"heat": 0.1}).invoke("hello").text == "small"
    assert model.with_config(configurable={"size": "large"}).invoke("hello").text == "large"
    assert (small.calls[0].params.temperature, large.calls[0].params.temperature) == (0.1, 0.8)


class FileModel(EventModel):
    """With a file, by which caches know it."""

    path = property(lambda _self: resolve_model(MODEL))


class WritingCache(BaseCache):
    """Keeps what LangChain's caches in databases keep: text."""

    def __init__(self):
        self.rows = {}

    def lookup(self, prompt, llm_string):
        rows = self.rows.get((prompt, llm_string))
        return rows and [loads(row, allowed_objects="all") for row in rows]

    def update(self, prompt, llm_string, return_val):
        self.rows[prompt, llm_string] = [dumps(generation) for generation in return_val]

    def clear(self, **_options):
        self.rows.clear()


@pytest.mark.filterwarnings("ignore:.*is in beta")  # LangChain says so of `loads`
async def test_an_answer_comes_out_of_a_database_as_it_went_in(monkeypatch):
    completion = Completion(
        "Let me see.",
        "tool_calls",
        Usage(20, 9, cached_tokens=12),
        reasoning="Hm.",
        tool_calls=CALL.tool_calls,
        timing=Timing(0.5, 0.25, 2.0),
    )
    model = FileModel([], completion=completion, name=MODEL)
    use(monkeypatch, model)
    bound = ChatGPT4All(cache=WritingCache()).bind_tools([news])
    first, again, third = bound.invoke("news?"), bound.invoke("news?"), await bound.ainvoke("news?")
    assert len(model.replies) == 1
    for answer in (again, third):
        assert (
            answer.tool_calls
            == first.tool_calls
            == [{"name": "news", "args": {"topic": "好"}, "id": "c", "type": "tool_call"}]
        )
        assert answer.response_metadata == first.response_metadata
        assert answer.usage_metadata.items() >= first.usage_metadata.items()
        assert answer.additional_kwargs == first.additional_kwargs


@pytest.mark.filterwarnings("ignore:.*MessageHistory.? (is|was) deprecated")
async def test_a_history_keeps_what_was_said(monkeypatch):
    model = ScriptedLocalModel(["One.", "Two."])
    use(monkeypatch, model)
    histories = {}
    talk = RunnableWithMessageHistory(
        ChatGPT4All(), lambda session_id: histories.setdefault(session_id, InMemoryChatMessageHistory())
    )
    config = {"configurable": {"session_id": "s"}}
    talk.invoke([("human", "first?")], config)
    assert (await talk.ainvoke([("human", "second?")], config)).text == "Two."
    assert [message.text for message in model.calls[1].messages] == ["first?", "One.", "second?"]
    assert [message.type for message in histories["s"].messages] == ["human", "ai"] * 2


async def test_events_tell_of_every_chunk_and_of_the_whole(monkeypatch):
    use(monkeypatch, CleverModel())
    model = ChatGPT4All().with_config(run_name="chat", tags=["private"], metadata={"team": "x"})
    events = [event async for event in model.astream_events("hello", version="v2")]
    assert [event["event"] for event in events[:1] + events[-1:]] == [
        "on_chat_model_start",
        "on_chat_model_end",
    ]
    chunks = [event["data"]["chunk"] for event in events if event["event"] == "on_chat_model_stream"]
    whole = events[-1]["data"]["output"]
    assert "".join(chunk.text for chunk in chunks) == whole.text
    assert whole.usage_metadata["output_tokens"]
    for event in events:
        assert (event["name"], event["tags"], event["metadata"]["team"]) == ("chat", ["private"], "x")
        assert event["metadata"]["ls_provider"] == "gpt4all"


async def test_a_tracer_is_told_how_an_answer_failed(monkeypatch):
    use(monkeypatch, RefusingModel(*[EngineBusy(0)] * 2))
    failures = []

    class Tracer(AsyncCallbackHandler):
        async def on_llm_error(self, error, **_told):
            failures.append(type(error).__name__)

    model = ChatGPT4All(callbacks=[Tracer()])
    with pytest.raises(ModelRateLimitError):
        await model.ainvoke("hello")
    with pytest.raises(ModelRateLimitError):
        async for _chunk in model.astream("hello"):
            pass
    assert failures == ["ModelBusy"] * 2
