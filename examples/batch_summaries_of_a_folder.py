"""A summary of every document of a folder; a run that was stopped goes on where it was.

    python examples/batch_summaries_of_a_folder.py [FOLDER]

Four documents at a time are decoded in one batch. A summary is written when it is whole, and
made anew when its document has changed since.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gpt4all_localdocs import IndexedDocument, LocalDocs, SearchFilter

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next
SUMMARIES = Path("summaries")


def is_done(document: IndexedDocument) -> bool:
    summary = summary_of(document)
    return summary.exists() and summary.stat().st_mtime > document.changed.timestamp()


def summary_of(document: IndexedDocument) -> Path:
    return SUMMARIES / f"{document.name}.txt"


def write_summary(docs: LocalDocs, document: IndexedDocument) -> str:
    """Returns one line for the log."""
    # A budget is for demonstration models and impatience: without it, the whole document is read.
    summary = docs.summarise(document.path, budget_tokens=600, max_tokens=48)
    unfinished = summary_of(document).with_suffix(".part")
    unfinished.write_text(summary.text + "\n", encoding="utf-8")
    unfinished.replace(summary_of(document))
    return f"{document.name}, {summary.share:.0%} of it read: {' '.join(summary.text.split()):.60}…"


def main(folder: Path) -> None:
    SUMMARIES.mkdir(exist_ok=True)
    with (
        LocalDocs(INDEX, folders=[folder], model="smollm2-135m-instruct") as docs,
        ThreadPoolExecutor(4) as threads,
    ):
        docs.sync()
        documents = docs.documents(where=SearchFilter(folders=[folder]))
        waiting = [document for document in documents if not is_done(document)]
        print(f"{len(documents)} documents, {len(waiting)} to summarise")
        for line in threads.map(lambda document: write_summary(docs, document), waiting):
            print("-", line, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)
