"""Which code page a text is in that is not Unicode: the one under which it reads as a language.

Each pair of a language and a code page is tried, and what comes out is compared with the language's letters.
A line is often enough; statistics over whole texts are not needed. Without lists of words it can be wrong
about texts of a few letters.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gpt4all_localdocs.loaders.languages import ALPHABETS, IDEOGRAPHS, Language

_SAMPLE_BYTES = 16_384
"""Of the lines that are not ASCII: more than enough, and all languages are tried in a tenth of a second."""

_LEAST_SCORE = 0.3
"""Below it the text is none of these languages."""

_TYPOGRAPHY = frozenset("“”‘’‚„–—…«»‹›€£§°©®™·•\xa0×±½¼²³µªº№")  # noqa: RUF001 - the characters themselves
_TYPOGRAPHY_SCORE = 0.6
_COMMON, _RARE, _OTHER_OF_SCRIPT, _FOREIGN = 1.0, 0.7, 0.4, -1.0
_CAPITAL = 0.1
"""How much less likely a capital is than its small letter."""

_BEYOND_SCRIPT = -0.3
_PREFERENCE = {"cp1252": 0.1, "cp866": -0.25, "iso8859-5": -0.25, "cp1257": -0.05}
"""How common a code page is: files of DOS and of ISO 8859-5 are rare."""


@dataclass(frozen=True, slots=True)
class _Reading:
    encoding: str
    score: float


def guess_encoding(encoded: bytes) -> str | None:
    """The likeliest code page of bytes that are not UTF-8, by its name in Python; None where none fits."""
    sample = _sample(encoded)
    best = max(_readings(sample), key=lambda reading: reading.score, default=None)
    return best.encoding if best is not None and best.score >= _LEAST_SCORE else None


def _sample(encoded: bytes) -> bytes:
    """Lines that are not ASCII; a line's end is the same byte in every code page, UTF-16 apart."""
    if encoded.isascii() or len(encoded) <= _SAMPLE_BYTES:
        return encoded
    lines, size = [], 0
    for line in encoded[: 64 * _SAMPLE_BYTES].splitlines():
        if not line.isascii():
            lines.append(line)
            size += len(line)
        if size >= _SAMPLE_BYTES:
            break
    return b"\n".join(lines)


def _readings(sample: bytes) -> Iterator[_Reading]:
    for language in ALPHABETS:
        yield from _score_all(sample, language, is_alphabet=True)
    for language in IDEOGRAPHS:
        yield from _score_all(sample, language, is_alphabet=False)


def _score_all(sample: bytes, language: Language, *, is_alphabet: bool) -> Iterator[_Reading]:
    for encoding in language.encodings:
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        score = _alphabet_score(text, language) if is_alphabet else _ideograph_score(text, language, encoding)
        yield _Reading(encoding, score + _PREFERENCE.get(encoding, 0.0))


def _alphabet_score(text: str, language: Language) -> float:
    """The mean over all characters beyond ASCII, less the words whose capitals stand inside of them."""
    counts = Counter(character for character in text if character > "\x7f")
    if not counts:
        return 0.0
    total = sum(counts.values())
    score = sum(count * _letter_score(character, language) for character, count in counts.items())
    return (score - _misplaced(text)) / total


def _letter_score(character: str, language: Language) -> float:
    if character in _TYPOGRAPHY:
        return _TYPOGRAPHY_SCORE
    small = character.lower()
    score = _COMMON if small in language.common else _RARE if small in language.rare else _FOREIGN
    return score if small == character or score == _FOREIGN else score - _CAPITAL


def _misplaced(text: str) -> int:
    """How many capitals follow a small letter and how many signs stand between letters."""
    count = 0
    for before, character, after in zip(text, text[1:], text[2:] + " ", strict=False):
        if character <= "\x7f":
            continue
        is_sign_inside = (
            before.isalpha() and after.isalpha() and unicodedata.category(character).startswith("S")
        )
        count += is_sign_inside or (before.islower() and character.isupper())
    return count


def _ideograph_score(text: str, language: Language, encoding: str) -> float:
    counts = Counter(character for character in text if character > "\x7f")
    if encoding.startswith("utf-16"):
        counts = Counter(text)  # an ASCII character in what has no zero bytes is a sign of a wrong reading
    if not counts:
        return 0.0
    score = sum(
        count * (_COMMON if character in language.common else _rest_of_script(character, language))
        for character, count in counts.items()
    )
    return score / sum(counts.values())


def _rest_of_script(character: str, language: Language) -> float:
    if character in language.rare:
        return _RARE
    script = {"Chinese": "gb2312", "Traditional Chinese": "big5", "Japanese": "euc_jp", "Korean": "euc_kr"}
    try:
        lead = character.encode(script[language.name])[0]
    except UnicodeEncodeError:
        return _BEYOND_SCRIPT
    return _OTHER_OF_SCRIPT if lead in _FIRST_LEVEL[language.name] else _BEYOND_SCRIPT


_FIRST_LEVEL = {
    "Chinese": range(0xB0, 0xD8),
    "Traditional Chinese": range(0xA4, 0xC7),
    "Japanese": range(0xB0, 0xD0),
    "Korean": range(0xB0, 0xC9),
}
"""The lead bytes of the characters in daily use, which the national standards put first."""
