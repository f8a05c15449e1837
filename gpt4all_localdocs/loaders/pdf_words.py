"""Mends the words of a PDF's pages that typesetting broke."""

import re
from collections.abc import Iterator

_HYPHENS = ("\ufffe", "\u00ad")
"""pdfium writes U+FFFE for a hyphen at the end of a line and drops the line's end."""

_HYPHEN_AND_WORD = re.compile(r"[\ufffe\u00ad]\n?(\w+)")
_NOT_TEXT = re.compile(r"[\0-\x08\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_WORD = re.compile(r"\w+")

_BrokenWord = tuple[int, int, str, str]
"""Where it begins and ends, and its halves."""


def join_broken_words(texts: list[str]) -> list[str]:
    """The page texts without the hyphens that typesetting put at line ends.

    `lan-guage` becomes `language`. Whether a hyphen belongs to the word cannot be seen: it stays
    where both halves are words of this document and the joined word is not (`memory-mapped`).
    """
    broken = [list(_broken_words(text)) for text in texts]
    tokens = set[str]()  # each once: to find the words in them takes longer than to split at spaces
    for text, words in zip(texts, broken, strict=True) if any(broken) else ():
        tokens.update(_replaced(text, words, [" "] * len(words)).split())
    vocabulary = set(_WORD.findall(" ".join(tokens).lower()))

    def joined(left: str, right: str) -> str:
        is_compound = {left.lower(), right.lower()} <= vocabulary and (left + right).lower() not in vocabulary
        return f"{left}-{right}" if is_compound else left + right

    return [
        _tidy(_replaced(text, words, [joined(left, right) for _, _, left, right in words]))
        for text, words in zip(texts, broken, strict=True)
    ]


def _broken_words(text: str) -> Iterator[_BrokenWord]:
    if not any(hyphen in text for hyphen in _HYPHENS):
        return
    end = 0
    for match in _HYPHEN_AND_WORD.finditer(text):
        start = hyphen = match.start()
        while start > end and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
        if start < hyphen:
            end = match.end()
            yield start, end, text[start:hyphen], match[1]


def _replaced(text: str, words: list[_BrokenWord], replacements: list[str]) -> str:
    pieces, position = [], 0
    for (start, end, _, _), replacement in zip(words, replacements, strict=True):
        pieces += [text[position:start], replacement]
        position = end
    return "".join([*pieces, text[position:]]) if words else text


def _tidy(text: str) -> str:
    text = _NOT_TEXT.sub("", text)
    if " \n" in text or "\t\n" in text:
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return text.strip("\n")
