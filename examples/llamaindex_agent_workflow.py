"""A LlamaIndex agent whose tool answers from your documents, with the events of its workflow.

    python examples/llamaindex_agent_workflow.py "What does part number TU-5 cost?"

The call is valid by construction, on any model. When to call and what to answer, small models learn from
worked examples. Larger ones do without them, and with `create_localdocs_tool(docs)`, which gives them
passages to read in place of quotations.
"""

import asyncio
import sys
from pathlib import Path

from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, ToolCall, ToolCallResult
from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms import ChatMessage, MessageRole
from llama_index.core.tools import QueryEngineTool

from gpt4all_localdocs import LocalDocs
from llamaindex_gpt4all import GPT4All, LocalDocsRetriever

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next
MODEL = "smollm2-135m-instruct"
QUESTION = "How many days of paid annual leave does a full-time employee get?"
TOOL = "ask_documents"


def worked_example(number: int, question: str, told: str) -> list[ChatMessage]:
    """A question that was answered after one call."""
    call = ToolCallBlock(tool_name=TOOL, tool_kwargs={"input": question}, tool_call_id=str(number))
    return [
        ChatMessage(question),
        ChatMessage(role=MessageRole.ASSISTANT, blocks=[call]),
        ChatMessage(told, role=MessageRole.TOOL, additional_kwargs={"tool_call_id": str(number)}),
        ChatMessage(told, role=MessageRole.ASSISTANT),
    ]


EXAMPLES = [
    *worked_example(1, "May I bring a dog to the office?", "only on Fridays"),
    *worked_example(2, "What does the canteen charge for lunch?", "6 euros"),
]


async def main(question: str) -> None:
    # For a larger model leave `max_tool_rounds` at 15: it may have to ask again.
    llm = GPT4All(model=MODEL, temperature=0, max_tokens=96, max_tool_rounds=1)
    with LocalDocs(INDEX, folders=[FOLDER], model=MODEL) as docs, llm:
        docs.sync()
        engine = LocalDocsRetriever(docs=docs, k=3).as_query_engine(answer_mode="quote")
        about = "Answers a question with words of the user's documents."
        tool = QueryEngineTool.from_defaults(engine, name=TOOL, description=about)
        agent = AgentWorkflow.from_tools_or_functions([tool], llm=llm)
        run = agent.run(question, chat_history=EXAMPLES)
        async for event in run.stream_events():
            match event:
                case ToolCallResult(tool_output=output):
                    print("told:  ", output.content)
                    for node in output.raw_output.source_nodes:
                        print("source:", f"{node.metadata['file_name']}, {node.metadata['place']}")
                    print("answer: ", end="")
                case ToolCall(tool_kwargs=arguments):
                    print("asked: ", arguments["input"])
                case AgentStream(delta=delta):
                    print(delta, end="", flush=True)
        await run
        print()


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or QUESTION))
