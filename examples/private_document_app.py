"""Questions and answers about a folder, in a terminal: nothing leaves this machine.

    python examples/private_document_app.py [FOLDER]

Type a question; an empty line ends the program. Follow-up questions ("And in winter?") are understood.
"""

import sys
from pathlib import Path

from gpt4all_core import Message
from gpt4all_localdocs import Citation, LocalDocs, SearchFilter, SyncReport

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next


def show_sync(report: SyncReport) -> None:
    print(", ".join(f"{count} {outcome}" for outcome, count in report.counts.items()) or "no files")
    for file in report.unreadable:
        print(f"! {file.path.name}: {file.reason}")


def show_citation(citation: Citation) -> None:
    words = " ".join(citation.quote.split())
    print(f"  [{citation.number}] {citation.path.name}, {citation.place}: {words:.70}")


def answer(docs: LocalDocs, question: str, history: list[Message], *, among: SearchFilter) -> None:
    """Print the answer as it is written and what it rests on, and remember both turns."""
    stream = docs.stream(question, mode="strict", history=history, where=among)
    for piece in stream:
        print(piece, end="", flush=True)
    print()
    result = stream.result()
    for citation in result.citations:
        show_citation(citation)
    history += [Message("user", question), Message("assistant", result.text)]


def main(folder: Path) -> None:
    with LocalDocs(INDEX, folders=[folder], model="smollm2-135m-instruct") as docs:
        show_sync(docs.sync())
        history: list[Message] = []
        try:
            while question := input("\n? ").strip():
                answer(docs, question, history, among=SearchFilter(folders=[folder]))
        except (EOFError, KeyboardInterrupt):
            print()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)
