"""Answers of LocalDocs, in every mode and on every face of both adapters, with what they rest on."""

import asyncio

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM

from gpt4all_core.errors import ConfigError
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_localdocs import LocalDocs, Refine
from gpt4all_localdocs.write import WrittenAnswer
from langchain_gpt4all import create_localdocs_chain
from llamaindex_gpt4all import LocalDocsRetriever

QUESTION = "How many days of paid leave does an employee get?"
EARLIER = "What does an employee get?"
LEAVE = "Annual leave\n\nA full-time employee gets 27 days of paid leave a year.\n"


@pytest.fixture
def library(tmp_path):
    """Makes an index of one file whose model answers so."""
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.txt").write_text(LEAVE)
    opened = []

    def make(model):
        docs = LocalDocs(tmp_path / "index", folders=[folder], embedder=HashEmbedder(), model=model)
        opened.append(docs)
        docs.sync()
        return docs

    yield make
    for docs in opened:
        docs.close()


def quoting():
    return ScriptedChatModel(quotes=["27 days"], is_demonstration=True)


def writing():
    return ScriptedChatModel(["It is 27 days [1]. So [9]."])


def of_chain(said):
    return {
        "text": said["answer"],
        "quotes": [document.page_content for document in said["citations"]],
        "numbers": [document.metadata["citation"] for document in said["citations"]],
        "starts": [document.metadata["start_index"] for document in said["citations"]],
        "ids": [document.id for document in said["citations"]],
        "context": [document.page_content for document in said["context"]],
        "is_refused": said["is_refused"],
    }


def of_engine(response):
    nodes = [node.node for node in response.source_nodes]
    return {
        "text": str(response),
        "quotes": [node.text for node in nodes],
        "numbers": [node.metadata["citation"] for node in nodes],
        "starts": [node.start_char_idx for node in nodes],
        "ids": [node.node_id for node in nodes],
        "context": [node.text for node in response.metadata["context"]],
        "is_refused": response.metadata["is_refused"],
    }


async def added_up(pieces):
    said = None
    async for piece in pieces:
        said = piece if said is None else said + piece
    return said


def chain_streamed(docs, **options):
    chunks = list(create_localdocs_chain(docs, **options).stream(QUESTION))
    return of_chain(sum(chunks[1:], chunks[0]))


def engine(docs, *, k=3, streaming=False, **options):
    return LocalDocsRetriever(docs, k=k).as_query_engine(streaming=streaming, **options)


def engine_streamed(docs, **options):
    response = engine(docs, streaming=True, **options).query(QUESTION)
    assert response.source_nodes == []  # they come with the end of the text
    str(response)
    return of_engine(response)


async def engine_streamed_in_a_loop(docs, **options):
    response = await engine(docs, streaming=True, **options).aquery(QUESTION)
    return of_engine(await response.get_response())


FACES = {
    "chain": lambda docs, **options: of_chain(create_localdocs_chain(docs, **options).invoke(QUESTION)),
    "chain in a loop": lambda docs, **options: of_chain(
        asyncio.run(create_localdocs_chain(docs, **options).ainvoke({"input": QUESTION}))
    ),
    "chain streamed": chain_streamed,
    "chain streamed in a loop": lambda docs, **options: of_chain(
        asyncio.run(added_up(create_localdocs_chain(docs, **options).astream(QUESTION)))
    ),
    "engine": lambda docs, **options: of_engine(engine(docs, **options).query(QUESTION)),
    "engine in a loop": lambda docs, **options: of_engine(
        asyncio.run(engine(docs, **options).aquery(QUESTION))
    ),
    "engine streamed": engine_streamed,
    "engine streamed in a loop": lambda docs, **options: asyncio.run(
        engine_streamed_in_a_loop(docs, **options)
    ),
}


@pytest.mark.parametrize("ask", FACES.values(), ids=FACES)
def test_a_quotation_comes_with_its_exact_place(library, ask):
    said = ask(library(quoting()), answer_mode="quote")
    assert (said["text"], said["quotes"], said["numbers"]) == ("27 days", ["27 days"], [1])
    assert LEAVE[said["starts"][0] :].startswith("27 days")
    assert said["context"] == [LEAVE.strip()]
    assert said["ids"] != [""]


@pytest.mark.parametrize("ask", FACES.values(), ids=FACES)
def test_a_written_answer_comes_with_the_sources_that_it_names(library, ask):
    said = ask(library(writing()), answer_mode="free")
    assert said["text"] == "It is 27 days [1]. So."
    assert (said["numbers"], said["quotes"], said["is_refused"]) == ([1], [LEAVE.strip()], False)


@pytest.mark.parametrize("ask", FACES.values(), ids=FACES)
def test_a_strict_answer_is_refused_on_every_face(library, ask):
    said = ask(library(writing()), answer_mode="strict", least_evidence=1.0)
    assert said["is_refused"]
    assert (said["text"], said["quotes"]) == ("The documents do not answer this question.", [])


def test_claims_are_told_where_they_were_asked_for(library):
    docs = library(writing())
    said = create_localdocs_chain(docs, answer_mode="free", verify=True).invoke(QUESTION)
    told = engine(docs, answer_mode="free", verify=True).query(QUESTION).metadata["claims"]
    assert said["claims"] == told
    assert [claim["text"] for claim in told] == ["It is 27 days [1]."]
    assert create_localdocs_chain(docs, answer_mode="free").invoke(QUESTION)["claims"] is None


def test_a_follow_up_question_is_understood_by_what_was_said_before(library):
    docs = library(model := writing())
    history = [HumanMessage(EARLIER), AIMessage("27 days.")]
    create_localdocs_chain(docs, answer_mode="free").invoke({"input": "Why?", "chat_history": history})
    LocalDocsRetriever(docs).as_chat_engine(
        answer_mode="free",
        chat_history=[
            ChatMessage(role="user", content=EARLIER),
            ChatMessage(role="assistant", content="27 days."),
        ],
    ).chat("Why?")
    asked, again = [[message.text for message in call.messages] for call in model.calls]
    assert asked == again
    assert EARLIER in asked[1]
    assert asked[-1] == "Question: Why?"


async def chat_in_a_loop(chat, question):
    return str(await chat.achat(question))


async def chat_streamed_in_a_loop(chat, question):
    response = await chat.astream_chat(question)
    return "".join([piece async for piece in response.async_response_gen()])


CHATS = {
    "chat": lambda chat, question: str(chat.chat(question)),
    "achat": lambda chat, question: asyncio.run(chat_in_a_loop(chat, question)),
    "stream_chat": lambda chat, question: "".join(chat.stream_chat(question).response_gen),
    "astream_chat": lambda chat, question: asyncio.run(chat_streamed_in_a_loop(chat, question)),
}


@pytest.mark.parametrize("talk", CHATS.values(), ids=CHATS)
def test_a_conversation_remembers_what_was_said(library, talk):
    chat = LocalDocsRetriever(library(model := writing())).as_chat_engine(
        answer_mode="chat", least_evidence=0.0
    )
    for question in (QUESTION, "And why?"):
        assert talk(chat, question) == "It is 27 days [1]. So."
    assert [turn.content for turn in chat.chat_history] == [
        QUESTION, "It is 27 days [1]. So.", "And why?", "It is 27 days [1]. So.",
    ]  # fmt: skip
    assert "It is 27 days [1]. So." in [message.text for message in model.calls[1].messages]
    chat.reset()
    assert chat.chat_history == []


def test_what_a_search_can_be_told_reaches_the_search_of_an_answer(library, monkeypatch):
    docs, asked = library(quoting()), []
    search = docs.search

    def listening(query, **options):
        asked.append(options)
        return search(query, **options)

    monkeypatch.setattr(docs, "search", listening)
    options = {"k": 2, "mode": "keyword", "refine": Refine(drop_repeats=True)}
    create_localdocs_chain(docs, filter={"file_name": "leave.txt"}, **options).invoke(QUESTION)
    retriever = LocalDocsRetriever(docs, filter={"file_name": "leave.txt"}, **options)
    retriever.as_query_engine(answer_mode="quote").query(QUESTION)
    assert asked == [options | {"where": {"file_name": "leave.txt"}}] * 2


REFUSED = {
    "no mode": ({"answer_mode": "loud"}, "answer_mode='loud'"),
    "no share": ({"answer_mode": "strict", "least_evidence": 2}, "least_evidence"),
    "no count": ({"answer_mode": "quote", "spans": 0}, "spans"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_impossible_ways_to_answer_are_refused_when_they_are_given(library, options, message):
    docs = library(quoting())
    for make in (
        lambda: create_localdocs_chain(docs, **options),
        lambda: LocalDocsRetriever(docs).as_query_engine(**options),
        lambda: LocalDocsRetriever(docs).as_chat_engine(**options),
    ):
        with pytest.raises(ConfigError, match=message):
            make()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verify": True}, "verify= belongs to the answers of LocalDocs"),
        ({"spans": 2}, "spans="),
        ({"least_evidence": 0.0}, "least_evidence="),
        ({"answer_mode": "free", "llm": MockLLM()}, "llm= belongs to LlamaIndex"),
        ({"answer_mode": "free", "node_postprocessors": [object()]}, "node_postprocessors="),
    ],
)
def test_arguments_of_two_kinds_of_engines_are_not_mixed(library, options, message):
    with pytest.raises(ConfigError, match=message):
        LocalDocsRetriever(library(quoting())).as_query_engine(**options)


def test_docs_that_can_only_be_searched_are_not_asked(library):
    class Shelf:
        def search(self, query, *, k, mode, where, refine=None):
            return []

    with pytest.raises(ConfigError, match="cannot be asked"):
        create_localdocs_chain(Shelf())
    with pytest.raises(ConfigError, match="cannot be asked"):
        LocalDocsRetriever(Shelf()).as_query_engine(answer_mode="quote")


@pytest.mark.parametrize(
    "given",
    [{"question": "When?"}, {"input": 7}, 7, *({"input": "a", "chat_history": one} for one in (["b"], 5))],
)
def test_what_is_no_question_is_refused_by_a_chain(library, given):
    with pytest.raises(ConfigError, match=r"is no question|chat_history is no list"):
        create_localdocs_chain(library(quoting())).invoke(given)


def test_an_answer_that_is_left_early_is_stopped(library, monkeypatch):
    docs, stopped = library(writing()), []

    def cancel(answer):
        stopped.append(answer)

    monkeypatch.setattr(WrittenAnswer, "cancel", cancel)
    pieces = create_localdocs_chain(docs, answer_mode="free").stream(QUESTION)
    next(pieces), next(pieces)
    assert stopped == []
    pieces.close()
    [answer] = stopped
    assert isinstance(answer, WrittenAnswer)
