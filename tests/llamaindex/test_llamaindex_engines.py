"""Engines over your folders: they stream, keep within the model's window and name their sources."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from llama_index.core import Settings
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM
from llama_index.core.postprocessor import SimilarityPostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.types import Hit
from llamaindex_gpt4all import GPT4All, LocalDocsRetriever
from llamaindex_gpt4all._room import PassagesThatFit, Room

QUESTION = "How many days of paid annual leave are there?"


class Shelf:
    """Passages as long as they may be, of words that are several tokens each; the first has the answer."""

    def __init__(self, count=12):
        texts = ["There are 27 days of paid annual leave."]
        texts += [f"Passage {n}. " + "Verwaltungsvorschrift überprüft. " * 15 for n in range(1, count)]
        self.hits = [
            Hit(Path(f"/docs/{n}.md"), text, 1 - n / 100, None, (1, 1), (0, len(text)), chunk_id=str(n))
            for n, text in enumerate(texts)
        ]
        self.asked = []

    def search(self, query, *, k, mode, where, refine=None):
        self.asked.append(query)
        return self.hits[:k]


@pytest.fixture(scope="module")
def llm(starter_model):
    # Another text, as rounding can make of what was cached before, may be a single piece.
    arguments = {"temperature": 0, "max_tokens": 24, "reproducible": True}
    with GPT4All(model=starter_model, context_size=1280, **arguments) as llm:
        yield llm


@pytest.fixture
def retriever():
    return LocalDocsRetriever(Shelf(), k=12)


def test_an_answer_comes_in_pieces_with_its_sources(llm, retriever):
    response = retriever.as_query_engine(llm=llm, streaming=True).query(QUESTION)
    pieces = list(response.response_gen)
    assert len(pieces) > 1
    assert response.source_nodes[0].node_id == "0"
    assert 1 < len(response.source_nodes) < 12  # all that fit, and no more


async def test_an_answer_comes_in_pieces_in_an_event_loop(llm):
    response = await LocalDocsRetriever(Shelf(2)).as_query_engine(llm=llm, streaming=True).aquery(QUESTION)
    pieces = [piece async for piece in response.async_response_gen()]
    assert len(pieces) > 1
    assert response.source_nodes[0].node_id == "0"


async def test_an_answer_is_the_same_on_every_face(script, retriever):
    llm, _model = script(["It is 27 days a year."])
    plain, streaming = (retriever.as_query_engine(llm=llm, streaming=streams) for streams in (False, True))
    streamed = [plain.query(QUESTION), await plain.aquery(QUESTION), streaming.query(QUESTION)]
    in_a_loop = await streaming.aquery(QUESTION)
    pieces = [piece async for piece in in_a_loop.async_response_gen()]
    assert [str(answer) for answer in streamed] == ["It is 27 days a year."] * 3
    assert "".join(pieces) == "It is 27 days a year."
    ids = [[node.node_id for node in answer.source_nodes] for answer in [*streamed, in_a_loop]]
    assert ids == [ids[0]] * 4


def test_a_conversation_comes_in_pieces_and_never_overflows(llm, retriever):
    engine = retriever.as_chat_engine(llm=llm, system_prompt="Be brief.", skip_condense=True)
    long_question = QUESTION + " And what of the others?" * 100
    answers = []
    for _ in range(2):  # together more than the window, were nothing forgotten
        response = engine.stream_chat(long_question)
        answers.append(list(response.response_gen))
        assert response.source_nodes[0].node_id == "0"
    assert min(map(len, answers)) > 1
    assert len(engine.chat_history) == 4


async def test_a_conversation_comes_in_pieces_in_an_event_loop(llm):
    engine = LocalDocsRetriever(Shelf(2)).as_chat_engine(llm=llm)
    for _ in range(2):
        response = await engine.astream_chat(QUESTION)
        assert len([piece async for piece in response.async_response_gen()]) > 1
        assert response.source_nodes[0].node_id == "0"
    whole = await engine.achat(QUESTION)
    assert whole.response
    assert whole.source_nodes


def test_the_prompt_has_what_was_found_and_what_was_said(script):
    llm, model = script(["27 days."])
    shelf = Shelf()
    engine = LocalDocsRetriever(shelf, k=2).as_chat_engine(
        llm=llm,
        system_prompt="Be brief.",
        chat_history=[
            ChatMessage(role="user", content="Hello"),
            ChatMessage(role="assistant", content="Hi."),
        ],
        skip_condense=True,
    )
    engine.chat(QUESTION)
    [call] = model.calls
    system, hello, hi, question = call.messages
    assert "Be brief." in system.text
    assert "27 days of paid annual leave" in system.text
    assert [message.text for message in (hello, hi, question)] == ["Hello", "Hi.", QUESTION]
    assert shelf.asked == [QUESTION]


def test_a_later_question_is_searched_for_in_the_words_of_the_conversation(script):
    llm, model = script(["27 days.", "How many days of leave carry over?", "Five."])
    shelf = Shelf()
    engine = LocalDocsRetriever(shelf).as_chat_engine(llm=llm)
    engine.chat(QUESTION)
    assert str(engine.chat("And carry over?")) == "Five."
    assert shelf.asked == [QUESTION, "How many days of leave carry over?"]
    assert len(model.calls) == 3


@pytest.mark.parametrize("engine", ["query", "chat"])
def test_one_call_answers_with_as_many_passages_as_fit(script, engine):
    llm, model = script(["27 days."], max_tokens=64)
    model.context_size = 2048
    retriever = LocalDocsRetriever(Shelf(80), k=80)
    if engine == "query":
        response = retriever.as_query_engine(llm=llm).query(QUESTION)
    else:
        response = retriever.as_chat_engine(llm=llm).chat(QUESTION)
    assert str(response) == "27 days."
    [call] = model.calls
    shown = "".join(message.text for message in call.messages)
    assert 1 < len(response.source_nodes) < 80
    assert all(node.text.strip() in shown for node in response.source_nodes)
    assert model.count_tokens(shown) + 64 <= 2048


def test_a_best_passage_that_is_too_long_is_cut(script):
    llm, model = script(["27 days."], max_tokens=64)
    model.context_size = 640
    shelf = Shelf(1)
    shelf.hits = [replace(shelf.hits[0], text="leave " * 2000)]
    assert str(LocalDocsRetriever(shelf).as_query_engine(llm=llm).query(QUESTION)) == "27 days."
    [call] = model.calls
    assert sum(model.count_tokens(message.text) for message in call.messages) + 64 <= 640


def test_rerankers_and_filters_come_before_what_fits(script):
    llm, _model = script(["27 days."])
    engine = LocalDocsRetriever(Shelf(), k=12).as_query_engine(
        llm=llm, node_postprocessors=[SimilarityPostprocessor(similarity_cutoff=0.985)]
    )
    assert [node.node_id for node in engine.query(QUESTION).source_nodes] == ["0", "1"]


def test_the_model_of_the_settings_is_the_default(monkeypatch):
    monkeypatch.setattr(Settings, "_llm", MockLLM(max_tokens=3))
    response = LocalDocsRetriever(Shelf()).as_query_engine().query(QUESTION)
    assert str(response)
    assert str(LocalDocsRetriever(Shelf()).as_chat_engine().chat(QUESTION))


def test_an_answer_that_leaves_no_room_is_refused_with_numbers(script):
    llm, _model = script(["27 days."], max_tokens=4000)
    with pytest.raises(ConfigError, match=r"an answer of 4000 tokens .* leave 0 of the 4096"):
        LocalDocsRetriever(Shelf()).as_query_engine(llm=llm)
    with pytest.raises(ConfigError, match="smaller max_tokens or a larger context_size"):
        LocalDocsRetriever(Shelf()).as_chat_engine(llm=llm)


def test_the_room_of_another_class_is_counted_by_the_settings_tokenizer():
    room = Room.of(MockLLM(max_tokens=300))
    assert (room.answer_tokens, room.tokens) == (300, room.window - 300 - 256)
    assert len(room.tokenizer("Say hello.")) == 3


def nodes_of(*texts):
    return [NodeWithScore(node=TextNode(text=text)) for text in texts]


@pytest.mark.parametrize(
    ("texts", "budget", "kept"),
    [
        (["a b c", "d e f"], 100, ["a b c", "d e f"]),
        (["a b c", "d e f g h", "i"], 6, ["a b c", "i"]),
        (["a b c", "d"], 1, ["a b c"]),
        (["a b", "a b", "c"], 100, ["a b", "c"]),
        ([], 100, []),
    ],
)
def test_what_does_not_fit_is_left_out_the_best_never_and_copies_always(texts, budget, kept):
    fitting = PassagesThatFit(budget_tokens=budget, tokenizer=str.split)
    assert [node.text for node in fitting.postprocess_nodes(nodes_of(*texts))] == kept


def test_the_question_takes_of_the_room_too():
    fitting = PassagesThatFit(budget_tokens=6, tokenizer=str.split)
    nodes = fitting.postprocess_nodes(nodes_of("a b", "c d"), query_bundle=QueryBundle("x y z"))
    assert [node.text for node in nodes] == ["a b"]


async def test_engines_run_beside_each_other(llm):
    engine = LocalDocsRetriever(Shelf(2)).as_query_engine(llm=llm)
    answers = await asyncio.gather(*(engine.aquery(QUESTION) for _ in range(3)))
    assert all(str(answer) for answer in answers)
