"""Ask your own documents with LangChain: nothing leaves this machine.

python examples/langchain_documents.py "How many days of paid annual leave do I get?"
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from gpt4all_localdocs import LocalDocs
from langchain_gpt4all import ChatGPT4All, LocalDocsRetriever

FOLDER = Path(__file__).parent / "documents"
QUESTION = "How many days of paid annual leave does a full-time employee get?"
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in one sentence, from these passages only.\n\n{passages}"),
        ("human", "{question}"),
    ]
)


def describe(document: Document) -> str:
    """Where a passage stands, for a reader."""
    place = document.metadata.get("page") or document.metadata.get("lines")
    return f"{Path(document.metadata['source']).name}, {place}"


def join(documents: list[Document]) -> str:
    return "\n\n".join(document.page_content for document in documents)


def main(question: str) -> None:
    with TemporaryDirectory() as index, LocalDocs(index, folders=[FOLDER]) as docs:
        docs.sync()
        retriever = LocalDocsRetriever(docs=docs, k=2)
        # The starter model is a demonstration; name a larger one for real answers.
        with ChatGPT4All(model="smollm2-135m-instruct", temperature=0, max_tokens=48) as model:
            sources = {"passages": retriever | join, "question": RunnablePassthrough()}
            chain = sources | PROMPT | model | StrOutputParser()
            for piece in chain.stream(question):
                print(piece, end="", flush=True)
        print("\n")
        for document in retriever.invoke(question):
            print("-", describe(document))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or QUESTION)
