"""LlamaIndex query engines over your own documents: quotations, and sentences of the model's own.

    python examples/llamaindex_query_engine.py "What does part number TU-5 cost?"

A quotation can only be words of a document, so it is useful from the smallest model.
"""

import sys
from pathlib import Path

from llama_index.core.schema import NodeWithScore

from gpt4all_localdocs import LocalDocs
from llamaindex_gpt4all import GPT4All, LocalDocsRetriever

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next
MODEL = "smollm2-135m-instruct"  # a demonstration; name a larger one for real answers
QUESTION = "How many days of paid annual leave does a full-time employee get?"


def show_sources(nodes: list[NodeWithScore]) -> None:
    for node in nodes:
        print(f"- {node.metadata['file_name']}, {node.metadata['place']}")


def main(question: str) -> None:
    llm = GPT4All(model=MODEL, temperature=0, max_tokens=48)
    with LocalDocs(INDEX, folders=[FOLDER], model=MODEL) as docs, llm:
        docs.sync()
        retriever = LocalDocsRetriever(docs=docs, k=2)

        quoted = retriever.as_query_engine(answer_mode="quote").query(question)
        print(f"Quoted: {quoted}")
        show_sources(quoted.source_nodes)

        written = retriever.as_query_engine(llm=llm, streaming=True).query(question)
        print("\nWritten: ", end="")
        for piece in written.response_gen:
            print(piece, end="", flush=True)
        print()
        show_sources(written.source_nodes)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or QUESTION)
