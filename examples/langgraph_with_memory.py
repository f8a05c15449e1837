"""A LangGraph conversation about your documents that remembers, and reads nothing twice.

    python examples/langgraph_with_memory.py

Each thread has its own memory (a checkpointer in a database keeps it longer). The model keeps what it has
read as well: the last line of each answer tells how many of the prompt's tokens were found in its cache.
"""

from pathlib import Path
from typing import Annotated, TypedDict

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import ChatGPT4All, LocalDocsRetriever

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next
TURNS = [
    ("ann", "How many days of paid annual leave does a full-time employee get?"),
    ("bob", "What does the company pay for a week of on-call duty?"),
    ("ann", "And who gets that many days?"),
]


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]
    passages: str


def main() -> None:
    model = ChatGPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=40)
    with LocalDocs(INDEX, folders=[FOLDER]) as docs, model:
        docs.sync()
        retriever = LocalDocsRetriever(docs=docs, k=2)

        def retrieve(state: State) -> dict[str, str]:
            """What is read of the documents for the first question of a thread serves the next ones, too."""
            if state.get("passages"):
                return {}
            found = retriever.invoke(state["messages"][-1].text)
            return {"passages": "\n\n".join(document.page_content for document in found)}

        def answer(state: State) -> dict[str, list[AnyMessage]]:
            prompt = SystemMessage(
                f"Answer in one sentence, from these passages only.\n\n{state['passages']}"
            )
            return {"messages": [model.invoke([prompt, *state["messages"]])]}

        builder = StateGraph(State).add_sequence([retrieve, answer]).add_edge(START, "retrieve")
        graph = builder.compile(checkpointer=InMemorySaver())
        for thread, question in TURNS:
            config = {"configurable": {"thread_id": thread}}
            print(f"\n{thread}: {question}\n")
            for chunk, _ in graph.stream(
                {"messages": [HumanMessage(question)]}, config, stream_mode="messages"
            ):
                print(chunk.text, end="", flush=True)
            messages = graph.get_state(config).values["messages"]
            usage = messages[-1].usage_metadata
            cached = usage["input_token_details"]["cache_read"]
            print(
                f"\n[{len(messages)} messages, {usage['input_tokens']} tokens read, {cached} from the cache]"
            )


if __name__ == "__main__":
    main()
