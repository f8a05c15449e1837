"""Pydantic objects from PDFs: every field is quoted from one place, and its page is told.

    python examples/structured_extraction_from_pdfs.py [FOLDER]

What a PDF does not say is missing, not guessed: a required field then leaves no object at all.
"""

import sys
from pathlib import Path

from pydantic import BaseModel, Field

from gpt4all_localdocs import LocalDocs, SearchFilter

FOLDER = Path(__file__).parent / "documents"
INDEX = Path("example-index")  # made by the first run, brought up to date by the next


class Terms(BaseModel):
    """Terms of employment; a field's description is the question that is asked."""

    leave_days: int = Field(description="How many days of paid annual leave does a full-time employee get?")
    week_hours: float = Field(description="How many hours does a full-time week have?")
    certificate: str = Field(description="From which day of illness is a doctor's certificate needed?")
    check_in_minutes: int = Field(
        description="Every how many minutes does somebody who works alone check in?"
    )
    company_yacht: str | None = Field(None, description="Who may sail the yacht of the company?")


def main(folder: Path) -> None:
    # Name a larger model for documents that say things less plainly.
    with LocalDocs(INDEX, folders=[folder], model="smollm2-135m-instruct") as docs:
        docs.sync()
        for pdf in docs.documents(where=SearchFilter(suffixes=[".pdf"], folders=[folder])):
            found = docs.extract(Terms, where={"source": str(pdf.path)})
            print(f"{pdf.name}: {found.value!r}")
            for field, source in found.places.items():
                quote = " ".join(source.quote.split())
                print(f"  {field:<17} {source.place}, characters {source.span[0]}-{source.span[1]}: {quote}")
            print(f"  not in it: {', '.join(found.missing) or 'nothing'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else FOLDER)
