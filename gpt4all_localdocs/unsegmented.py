"""Words for a keyword index from scripts that write none. Pure.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no spaces between words, and Korean hangs particles on
them: a keyword index that cuts at spaces would know whole sentences only. Every two neighbouring characters
are a word instead, in the texts and in the questions alike, which needs no dictionary and does about as
well as one (Nie, Gao, Zhang and Zhou, "On the use of words and n-grams for Chinese information retrieval",
IRAL 2000; Apache Lucene's CJKBigramFilter does the same).
"""

import re
import unicodedata
from itertools import pairwise
from typing import Final

_RUN: Final = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\u1780-\u17ff"  # Burmese, Khmer
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # iteration marks, Kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "]+"
)


def character_pairs(text: str) -> list[str]:
    """Every two neighbouring characters of such scripts; a lone one is a word by itself.

    Half-width forms count as the full ones; marks above and below are left out, because FTS5 would cut there.

        >>> character_pairs("北京大学 is in 京")
        ['北京', '京大', '大学', '京']
    """
    pairs: list[str] = []
    for run in _RUN.findall(text):
        letters = [letter for letter in unicodedata.normalize("NFKC", run) if letter.isalnum()]
        pairs += [first + second for first, second in pairwise(letters)] or letters
    return pairs


def without_unsegmented(text: str) -> str:
    """The rest of a text, a space where such characters were."""
    return _RUN.sub(" ", text)
