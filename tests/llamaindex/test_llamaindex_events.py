"""Who listens to LlamaIndex hears of every call, and counts its tokens rightly."""

from contextlib import contextmanager

import pytest
from llama_index.core import Settings
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.kvstore import SimpleKVStore
from scripted_llm import on_every_chat, on_every_completion

from gpt4all_core.errors import ContextOverflow
from gpt4all_core.local_model import LocalModel
from llamaindex_gpt4all import GPT4All, GPT4AllEmbedding

MODEL = "smollm2-135m-instruct"
ENTRIES = (
    "chat",
    "stream_chat",
    "achat",
    "astream_chat",
    "complete",
    "stream_complete",
    "acomplete",
    "astream_complete",
)


async def call(llm, name):
    """What one of the eight methods gives, streams read to their end."""
    given = [ChatMessage(content="Hello")] if name.endswith("chat") else "Hello"
    made = getattr(llm, name)(given)
    if name.startswith("a"):
        made = await made
    if name.startswith("stream"):
        return list(made)
    if name.startswith("astream"):
        return [response async for response in made]
    return made


@contextmanager
def listening():
    """What the dispatcher is told of spans meanwhile."""
    spans, dispatcher = SimpleSpanHandler(), get_dispatcher()
    dispatcher.add_span_handler(spans)
    try:
        yield spans
    finally:
        dispatcher.span_handlers.remove(spans)


@pytest.mark.parametrize("name", ENTRIES)
async def test_every_method_tells_its_start_its_chunks_and_its_end(script, seen, name):
    llm, _model = script(["Good morning to you."])
    responses = await call(llm, name)
    kind = "LLMChat" if name.endswith("chat") else "LLMCompletion"
    chunks = len(responses) if "stream" in name else 0
    assert chunks == (5 if "stream" in name else 0)
    assert [event.class_name() for event in seen] == [
        f"{kind}StartEvent",
        *[f"{kind}InProgressEvent"] * chunks,
        f"{kind}EndEvent",
    ]
    assert len({event.span_id for event in seen}) == 1
    assert seen[0].span_id.startswith(f"GPT4All.{name}-")
    assert seen[0].model_dict["class_name"] == "GPT4All_llm"


@pytest.mark.parametrize("name", ENTRIES)
async def test_every_method_is_a_span_that_ends(script, name):
    llm, _model = script(["Good morning."])
    with listening() as spans:
        await call(llm, name)
    assert [span.id_.partition("-")[0] for span in spans.completed_spans] == [f"GPT4All.{name}"]
    assert not spans.open_spans


@pytest.mark.parametrize("name", ENTRIES)
async def test_a_failure_is_told_too(script, seen, name):
    llm, model = script(["never"])

    def overflow(*_given, **_options):
        raise ContextOverflow(5000, 4096)

    model.chat = overflow
    with pytest.raises(ContextOverflow, match="5000 tokens but the context holds 4096"):
        await call(llm, name)
    assert seen[0].class_name().endswith("StartEvent")
    assert seen[-1].class_name() == "SpanDropEvent"


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("name", ["query_embedding", "text_embedding", "text_embedding_batch"])
async def test_every_method_of_an_embedding_is_one_span_with_one_pair_of_events(seen, name, cached):
    texts = ["a cat"] if name.endswith("batch") else "a cat"
    with GPT4AllEmbedding(embeddings_cache=SimpleKVStore() if cached else None) as embedding:
        for method in (f"get_{name}", f"aget_{name}"):
            seen.clear()
            with listening() as spans:
                made = getattr(embedding, method)(texts)
                _vectors = await made if method.startswith("a") else made
            # LlamaIndex has spans for the private methods of every class of embedding, too.
            [span] = [span for span in spans.completed_spans if "._" not in span.id_]
            assert span.id_.startswith(f"GPT4AllEmbedding.{method}-")
            assert [event.class_name() for event in seen] == ["EmbeddingStartEvent", "EmbeddingEndEvent"]
            assert {event.span_id for event in seen} == {span.id_}


async def test_tokens_are_counted_by_the_model_and_not_guessed(script):
    counter = TokenCountingHandler(tokenizer=lambda _text: ["guess"] * 1000)
    llm, _model = script(["Good morning to you."], callback_manager=CallbackManager([counter]))
    await on_every_chat(llm, [ChatMessage(content="How do you do?")])
    await on_every_completion(llm, "How do you do?")
    assert counter.prompt_llm_token_count == 8 * 4
    assert counter.completion_llm_token_count == 8 * 4


@pytest.fixture
def settings():
    """LlamaIndex's settings, as they were before, afterwards."""
    import llama_index.core  # noqa: PLC0415 - the tokenizer is an attribute of the package

    saved, tokenizer = dict(vars(Settings)), llama_index.core.global_tokenizer
    yield Settings
    vars(Settings).clear()
    vars(Settings).update(saved)
    llama_index.core.global_tokenizer = tokenizer


def test_as_the_default_it_is_planned_with_by_its_own_tokens_and_window(settings):
    settings.prompt_helper = PromptHelper(context_window=99)
    with GPT4All(model=MODEL, context_size=777, max_tokens=50) as llm, LocalModel(MODEL) as model:
        llm.use_as_default()
        assert settings.llm is llm
        text = "Die Donau fließt durch Wien."
        assert settings.tokenizer(text) == model.token_ids(text)
        for helper in (settings.prompt_helper, settings.chat_prompt_helper):
            assert (helper.context_window, helper.num_output) == (777, 50)


def test_splitters_and_memories_take_its_tokenizer():
    with GPT4All(model=MODEL) as llm:
        tokenizer = llm.as_tokenizer()
        chunks = SentenceSplitter(chunk_size=20, chunk_overlap=0, tokenizer=tokenizer).split_text(
            "The Elm is a river. It is long and slow. " * 6
        )
        assert len(chunks) > 2
        assert max(len(tokenizer(chunk)) for chunk in chunks) <= 20
        memory = ChatMemoryBuffer.from_defaults(token_limit=40, tokenizer_fn=tokenizer)
        assert memory.tokenizer_fn("a river") == tokenizer("a river")
