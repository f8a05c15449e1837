"""A LangChain chain over your own documents: it streams its answer and names its sources.

    python examples/langchain_chain.py "How many days of paid annual leave do I get?"

`create_localdocs_chain` does all of this in one call; this is how to build one of your own.
"""

import sys
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import ChatGPT4All, LocalDocsRetriever

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next
QUESTION = "How many days of paid annual leave does a full-time employee get?"
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in one sentence, from these passages only.\n\n{passages}"),
        ("human", "{question}"),
    ]
)


def join(given: dict[str, list[Document]]) -> str:
    return "\n\n".join(document.page_content for document in given["documents"])


def main(question: str) -> None:
    # The starter model is a demonstration; name a larger one for real answers.
    model = ChatGPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=48)
    with LocalDocs(INDEX, folders=[FOLDER]) as docs, model:
        docs.sync()
        retriever = LocalDocsRetriever(docs=docs, k=2)
        found = {"documents": retriever, "question": RunnablePassthrough()}
        write = RunnablePassthrough.assign(passages=join) | PROMPT | model | StrOutputParser()
        chain = found | RunnablePassthrough.assign(answer=write)
        sources: list[Document] = []
        for piece in chain.stream(question):
            sources += piece.get("documents", [])
            print(piece.get("answer", ""), end="", flush=True)
    print("\n")
    for source in sources:
        print(f"- {source.metadata['file_name']}, {source.metadata['place']}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or QUESTION)
