"""Which files an index takes and how it reads them: what was chosen once holds until something else is."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

from gpt4all_localdocs.config import IndexOptions
from gpt4all_localdocs.database import Database, read_meta, write_meta

META_NAME: Final = "file_choice"


@dataclass(frozen=True, slots=True)
class FileChoice:
    """What the last sync went by; the fields are those of `IndexOptions`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden_files: bool = False
    pdf_layout: bool = False

    def __str__(self) -> str:
        """For people; empty where nothing was chosen."""
        patterns = [f"only {', '.join(self.include)}"] if self.include else []
        patterns += [f"without {', '.join(self.exclude)}"] if self.exclude else []
        ways = ["with hidden files"] * self.hidden_files + ["with the layout of PDFs"] * self.pdf_layout
        return "; ".join([*patterns, *ways])

    def or_chosen(self, options: IndexOptions) -> "FileChoice":
        """What the options choose; what they leave open, as it is here."""
        return FileChoice(
            self.include if options.include is None else tuple(options.include),
            self.exclude if options.exclude is None else tuple(options.exclude),
            self.hidden_files if options.hidden_files is None else options.hidden_files,
            self.pdf_layout if options.pdf_layout is None else options.pdf_layout,
        )

    def within(self, options: IndexOptions) -> IndexOptions:
        """The options with this choice."""
        return replace(
            options,
            include=self.include,
            exclude=self.exclude,
            hidden_files=self.hidden_files,
            pdf_layout=self.pdf_layout,
        )


def read_choice(database: Database) -> FileChoice:
    """What the last sync went by; every file, read in the plain way, where there was none."""
    with database.reading() as connection:
        kept = json.loads(read_meta(connection, META_NAME) or "{}")
    return FileChoice(
        tuple(kept.get("include", ())),
        tuple(kept.get("exclude", ())),
        bool(kept.get("hidden_files")),
        bool(kept.get("pdf_layout")),
    )


def write_choice(database: Database, choice: FileChoice) -> None:
    """Have the next syncs go by this where they are not told otherwise."""
    with database.writing() as connection:
        write_meta(connection, META_NAME, json.dumps(asdict(choice)))
