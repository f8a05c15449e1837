"""A query and a document as the one token sequence that a reranker reads."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from gpt4all_core.errors import ConfigError
from gpt4all_core.text_windows import SpecialFrame

Tokenize = Callable[[str], list[int]]

_PLACES = re.compile(r"(\{query\}|\{document\})")


class PairWriter(Protocol):
    """Writes pairs as one model was trained to read them."""

    def write(self, query: str, document: str) -> list[int]:
        """All tokens of a pair."""

    def write_within(self, query: str, document: str, most_tokens: int) -> list[int]:
        """The same with the document cut where it must be; what follows it stays.

        Raises ConfigError for a query that leaves less than half of the room.
        """


class SeparatedPair:
    """[BOS] query [EOS] [SEP] document [EOS], each special token if the vocabulary has it.

    frame: what the vocabulary puts around every text; between: what parts two. `tokenize` reads no
    special tokens in a text and adds none. llama.cpp's server leaves out the last token where a
    WordPiece vocabulary is not told to add one; the models were trained with it.
    """

    def __init__(self, tokenize: Tokenize, *, frame: SpecialFrame, between: Sequence[int]) -> None:
        self._tokenize = tokenize
        self._frame = frame
        self._between = between

    def write(self, query: str, document: str) -> list[int]:
        return self._joined(self._tokenize(query), self._tokenize(document))

    def write_within(self, query: str, document: str, most_tokens: int) -> list[int]:
        query_tokens, document_tokens = self._tokenize(query), self._tokenize(document)
        room = most_tokens - len(self._joined(query_tokens, ()))
        if len(document_tokens) > room:
            _check_query(room, most_tokens)
        return self._joined(query_tokens, document_tokens[:room])

    def _joined(self, query: Sequence[int], document: Sequence[int]) -> list[int]:
        return self._frame.around([*query, *self._between, *document])


class TemplatedPair:
    """The template in the model's file, with {query} and {document} in it.

    What a text spells of the control tokens `barred` stays text: `tokenize` reads special tokens,
    `tokenize_literally` does not. Everything between two of them is tokenized in one piece, as it
    was in training: a space before {query} belongs to its first word.
    """

    def __init__(
        self,
        template: str,
        *,
        tokenize: Tokenize,
        tokenize_literally: Tokenize,
        barred: frozenset[str],
    ) -> None:
        self._parts = _PLACES.split(template)
        self._tokenize = tokenize
        self._tokenize_literally = tokenize_literally
        longest_first = sorted(barred, key=len, reverse=True)
        self._barred = re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")

    def write(self, query: str, document: str) -> list[int]:
        pieces = [""]  # by turns: template and harmless text, a text's spelling of a control token
        for part in self._parts:
            text = {"{query}": query, "{document}": document}.get(part)
            first, *others = [part] if text is None else self._barred.split(text)
            pieces[-1] += first
            pieces += others
        tokens = []
        for number, piece in enumerate(pieces):
            tokens += self._literal(piece) if number % 2 else self._tokenize(piece)
        return tokens

    def write_within(self, query: str, document: str, most_tokens: int) -> list[int]:
        tokens = self.write(query, document)
        if len(tokens) <= most_tokens:
            return tokens
        bare = len(self.write(query, ""))
        room = most_tokens - bare
        _check_query(room, most_tokens)
        while len(tokens) > most_tokens:
            # Cut in characters, since tokens go over the document's borders: a few rounds at most.
            share = room / (len(tokens) - bare)
            document = document[: min(int(len(document) * share), len(document) - 1)]
            tokens = self.write(query, document)
        return tokens

    def _literal(self, piece: str) -> list[int]:
        # llama.cpp reads added tokens (`<think>`) even where it was told not to.
        return self._tokenize_literally(piece[:1]) + self._tokenize_literally(piece[1:])


def _check_query(room: int, most_tokens: int) -> None:
    if room < most_tokens // 2:
        raise ConfigError(
            f"the query leaves {max(room, 0)} of {most_tokens} tokens for a longer document;"
            " shorten the query"
        )
