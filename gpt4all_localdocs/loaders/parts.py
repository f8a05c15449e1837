"""Joins the texts of slides, sheets or chapters into one document that knows where each begins."""

from collections.abc import Sequence
from dataclasses import replace

from gpt4all_localdocs.types import Document, Heading, Part, PartKind

PART_SEPARATOR = "\n\n"


class PartsWriter:
    r"""A document that grows part by part, in the file's order. Not thread-safe.

    Parts are numbered from 1 as they come. What is between two parts belongs to neither.

        >>> writer = PartsWriter("slide")
        >>> writer.add("Leave\n25 days", label="Leave", headings=[Heading(1, "Leave", 0)])
        >>> writer.add("Sick pay")
        >>> [(part.label, part.start, part.end) for part in writer.document(title="Staff").parts]
        [('Leave', 0, 13), ('', 15, 23)]
    """

    def __init__(self, kind: PartKind) -> None:
        self.notes: list[str] = []
        self._kind: PartKind = kind
        self._texts: list[str] = []
        self._length = 0
        self._parts: list[Part] = []
        self._headings: list[Heading] = []

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def has_text(self) -> bool:
        return any(text and not text.isspace() for text in self._texts)

    @property
    def length(self) -> int:
        """Characters so far, those between the parts not counted."""
        return self._length

    def add(
        self,
        text: str,
        *,
        label: str = "",
        headings: Sequence[Heading] = (),
        first_row: int | None = None,
    ) -> None:
        """Append a part; `headings` count from its own beginning. White space in the label collapses."""
        start = self._length + len(PART_SEPARATOR) * len(self._texts)
        number = len(self._parts) + 1
        one_line = " ".join(label.split())
        self._parts.append(Part(number, start, start + len(text), self._kind, one_line, first_row))
        self._headings += (replace(heading, start=heading.start + start) for heading in headings)
        self._texts.append(text)
        self._length += len(text)

    def document(self, *, title: str | None = None) -> Document:
        """What was added, with the notes."""
        return Document(
            PART_SEPARATOR.join(self._texts),
            parts=tuple(self._parts),
            headings=tuple(self._headings),
            title=title or None,
            notes=tuple(self.notes),
        )


def listed(kind: str, numbers: Sequence[int]) -> str:
    """Numbers in words, runs shortened: `page 3`, `pages 3-5, 8`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    names = ", ".join("-".join(map(str, run)) for run in runs)
    return f"{kind}{'s' if len(numbers) > 1 else ''} {names}"
