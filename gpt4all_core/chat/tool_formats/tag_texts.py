"""The fixed texts of a format, taken apart into what must be there and the white space around it."""

import re
from dataclasses import dataclass

_PART = re.compile(r"<[^<>\s]*>|<[^<>\s]*|[^<\s]+")


@dataclass(frozen=True, slots=True)
class TagText:
    r"""One of a format's fixed texts, `\n</parameter>\n` for instance.

    Models leave out and add white space around tags, so a reader looks for the tags alone.
    """

    text: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Tags and what stands between them, without white space: `<tool_call>`, `<function=`."""
        return tuple(_PART.findall(self.text))

    @property
    def before(self) -> str:
        """The white space that the text begins with."""
        return self.text[: len(self.text) - len(self.text.lstrip())]

    @property
    def after(self) -> str:
        """The white space that the text ends with; none for a text of nothing else."""
        return self.text[len(self.text.rstrip()) :] if self.parts else ""

    def from_part(self, index: int) -> str:
        """The rest of the text after so many of its parts."""
        position = 0
        for part in self.parts[:index]:
            position = self.text.index(part, position) + len(part)
        return self.text[position:]
