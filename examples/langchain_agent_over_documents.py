"""A LangChain agent whose tool answers from your documents, and which reports in a schema.

    python examples/langchain_agent_over_documents.py "What does the company pay for a week of on-call duty?"

The call and the report are valid by construction, on any model. When to call and what to report, small
models learn from worked examples. Larger ones do without them, and with `create_localdocs_tool(docs)`, which
gives them passages to read in place of quotations.
"""

import sys
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import ChatGPT4All

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next
MODEL = "smollm2-135m-instruct"
QUESTION = "How many days of paid annual leave does a full-time employee get?"


class Report(BaseModel):
    """What the documents say, and where."""

    answer: str
    file: str
    place: str


WORKED_EXAMPLES = {
    "May I bring a dog to the office?": Report(answer="only on Fridays", file="rules.pdf", place="page 2"),
    "What does the canteen charge for lunch?": Report(answer="6 euros", file="canteen.md", place="line 3"),
}


def conversation(question: str) -> list[AnyMessage]:
    """The question, after others that were answered by one call each."""
    messages: list[AnyMessage] = []
    for asked, report in WORKED_EXAMPLES.items():
        call = {"name": "ask_documents", "args": {"question": asked}, "id": asked, "type": "tool_call"}
        told = report.model_dump_json()
        messages += [HumanMessage(asked), AIMessage("", tool_calls=[call])]
        messages += [ToolMessage(told, tool_call_id=asked), AIMessage(told)]
    return [*messages, HumanMessage(question)]


def main(question: str) -> None:
    # For a larger model leave `max_tool_rounds` at 15: it may have to ask again.
    model = ChatGPT4All(model=MODEL, temperature=0, max_tokens=128, max_tool_rounds=1)
    with LocalDocs(INDEX, folders=[FOLDER], model=MODEL) as docs, model:
        docs.sync()

        @tool
        def ask_documents(question: str) -> str:
            """Answers a question with words of the user's documents."""
            answer = docs.ask(question, mode="quote")
            source = answer.citations[0]
            return Report(answer=answer.text, file=source.path.name, place=source.place).model_dump_json()

        asked = conversation(question)
        agent = create_agent(model, [ask_documents], response_format=Report)
        state = agent.invoke({"messages": asked})
    for message in state["messages"][len(asked) :]:
        message.pretty_print()
    print(state["structured_response"])


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or QUESTION)
