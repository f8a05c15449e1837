"""The line in front of a passage that says to the embedder where it stands."""

import re
from collections.abc import Callable, Iterable, Sequence

CountTokens = Callable[[str], int]


def header_words(
    headings: Sequence[str], *, title: str | None, file_name: str = "", count_tokens: CountTokens, most: int
) -> list[str]:
    """The words of the line: the file (without its ending), the title and the headings, each once.

    Together they have at most `most` tokens: headings are left out from the highest on, then the title,
    then words.
    """
    stem = re.sub(r"[\s_]+", " ", file_name.rpartition(".")[0] or file_name).strip()
    file_and_title, below = _each_once([stem, title or ""]), _each_once(headings)
    below = [heading for heading in below if heading not in file_and_title]
    while len(below) > 1 and count_tokens(_line(file_and_title, below)) > most:
        del below[0]
    if below and count_tokens(_line(file_and_title, below)) > most:
        del file_and_title[1:]
    words = _line(file_and_title, below).split()[:most]
    while words and count_tokens(" ".join(words)) > most:
        words.pop()
    return words


def _each_once(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(" ".join(name.split()) for name in names) if name]


def _line(file_and_title: list[str], headings: list[str]) -> str:
    return " > ".join([*file_and_title, *headings])
