"""Files, vectors and questions for measuring growth: real sentences, and vectors spread as real ones are."""

import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from gpt4all_core.protocols import Embedder, Vectors

PASSAGES_A_FILE = 10
FILES_A_DIRECTORY = 250
QUESTIONS = 300
DIMENSIONS = 384
_SENTENCES = 7
"""Of a passage: some 150 words, as the chunker cuts running text."""
_FIELDS = 40
_TOPICS = 1_000
_WAYS = 24
"""Directions in which the texts of one topic differ."""
_SHARED, _FIELD, _TOPIC, _WITHIN, _NOISE = 0.03, 0.15, 0.15, 0.57, 0.10
"""What a vector is the sum of, as shares of its squared length: what all have in common, its field, its
topic, its place within the topic, and noise.

Fitted to the bundled embedder's vectors of SQuAD 2.0 and Cranfield (2,614 passages, 200 questions; 12 fields
and 50 topics for so few): the cosine of a question's nearest, 10th and 100th passage is .59, .44, .20 here
and .59, .39, .18 there, the local intrinsic dimension (Levina and Bickel, 2004, 100 neighbours) 15 and 18."""


class MadeEmbedder:
    """A vector for each text, by the text's own hash alone; knows how long it took to make them."""

    identity = "made-topics"
    dimensions = DIMENSIONS
    max_tokens = 254

    def __init__(self) -> None:
        self.taken_s = 0.0
        draw = np.random.default_rng(0)
        self._shared = _directions(draw, (DIMENSIONS,), _SHARED)
        self._fields = _directions(draw, (_FIELDS, DIMENSIONS), _FIELD)
        self._topics = _directions(draw, (_TOPICS, DIMENSIONS), _TOPIC)
        self._ways = _directions(draw, (_TOPICS, _WAYS, DIMENSIONS), _WITHIN / _WAYS)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> Vectors:
        """As for a document: a question is a point among those that answer it."""
        started = time.thread_time()
        draw = np.random.default_rng(int.from_bytes(blake2b(text.encode(), digest_size=8).digest()))
        topic = int(draw.integers(_TOPICS))
        place = draw.standard_normal(_WAYS, np.float32)
        noise = _directions(draw, (DIMENSIONS,), _NOISE)
        middle = self._shared + self._fields[topic % _FIELDS] + self._topics[topic]
        vector = middle + place @ self._ways[topic] + noise
        self.taken_s += time.thread_time() - started
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


class KnownQuestions:
    """An embedder that knows the vectors of some questions and nothing else: a search then embeds nothing."""

    def __init__(self, file: Path) -> None:
        held = np.load(file)
        self.questions: list[str] = json.loads(str(held["questions"]))
        self.identity = str(held["identity"])
        self.max_tokens = int(held["max_tokens"])
        self.vectors: Vectors = held["vectors"]
        self.dimensions = int(self.vectors.shape[1])
        self._known: Mapping[str, Vectors] = dict(zip(self.questions, self.vectors, strict=True))

    @staticmethod
    def save(file: Path, embedder: Embedder, questions: Sequence[str]) -> None:
        vectors = np.stack([embedder.embed_query(question) for question in questions])
        np.savez(
            file,
            questions=json.dumps(list(questions)),
            identity=embedder.identity,
            max_tokens=embedder.max_tokens,
            vectors=vectors,
        )

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_query(self, text: str) -> Vectors:
        return self._known[text]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        raise NotImplementedError(f"{len(texts)} texts are to be embedded where nothing has changed")


def write_files(root: Path, passages: int, folders: Sequence[Path], *, is_coherent: bool) -> int:
    """Markdown files of ten sections each, of sentences of the folders' texts; how many files.

    is_coherent: sentences that follow each other, for an embedder that reads them; else drawn at random, so
    that no two of a million passages are equal.
    """
    draw = random.Random(0)
    sentences = [
        sentence
        for text in _field(folders, "corpus.jsonl")
        for sentence in text.split(". ")
        if len(sentence) > 20
    ]

    def section(number: int) -> str:
        first = number * len(sentences) // passages
        some = sentences[first : first + _SENTENCES] if is_coherent else draw.choices(sentences, k=_SENTENCES)
        return f"# Section {number}\n\n{'. '.join(some)}.\n"

    starts = range(0, passages, PASSAGES_A_FILE)
    for number, start in enumerate(starts):
        sections = map(section, range(start, min(start + PASSAGES_A_FILE, passages)))
        directory = root / f"{number // FILES_A_DIRECTORY:04}"
        if number % FILES_A_DIRECTORY == 0:
            directory.mkdir(parents=True)
        (directory / f"file{number:06}.md").write_text("\n".join(sections), encoding="utf-8")
    return len(starts)


def read_questions(folders: Sequence[Path]) -> list[str]:
    """`QUESTIONS` of the folders' own, evenly spread, each once."""
    questions = list(dict.fromkeys(_field(folders, "queries.jsonl")))
    return questions[:: max(1, len(questions) // QUESTIONS)][:QUESTIONS]


def _field(folders: Sequence[Path], name: str) -> Iterator[str]:
    for folder in folders:
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]


def _directions(draw: np.random.Generator, shape: tuple[int, ...], square: float) -> Vectors:
    """Random directions; the square of a row's length is about so much."""
    return draw.standard_normal(shape, np.float32) * np.float32(math.sqrt(square / DIMENSIONS))
