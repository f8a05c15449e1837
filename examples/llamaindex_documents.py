"""Ask your own documents with LlamaIndex: nothing leaves this machine.

python examples/llamaindex_documents.py "How many days of paid annual leave do I get?"
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from llama_index.core.schema import NodeWithScore

from gpt4all_localdocs import LocalDocs
from llamaindex_gpt4all import GPT4All, LocalDocsRetriever

FOLDER = Path(__file__).parent / "documents"
QUESTION = "How many days of paid annual leave does a full-time employee get?"


def describe(node: NodeWithScore) -> str:
    """Where a passage stands, for a reader."""
    return f"{node.metadata['file_name']}, {node.metadata.get('page_label') or node.metadata.get('lines')}"


def main(question: str) -> None:
    with TemporaryDirectory() as index, LocalDocs(index, folders=[FOLDER]) as docs:
        docs.sync()
        retriever = LocalDocsRetriever(docs=docs, k=2)
        # The starter model is a demonstration; name a larger one for real answers.
        with GPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=48) as llm:
            engine = retriever.as_query_engine(llm=llm, streaming=True)
            answer = engine.query(question)
            for piece in answer.response_gen:
                print(piece, end="", flush=True)
        print("\n")
        for node in answer.source_nodes:
            print("-", describe(node))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or QUESTION)
