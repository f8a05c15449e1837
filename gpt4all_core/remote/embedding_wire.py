"""What is asked of `/v1/embeddings`, and how its answer reads. Pure."""

import base64
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from gpt4all_core.protocols import Vectors

TextKind = Literal["document", "query"]

MOST_TEXTS = 32
"""Texts of one request: what Hugging Face's server takes at most unless it is told otherwise."""

MOST_CHARACTERS = 200_000
"""Of one request's texts together: OpenAI takes 300,000 tokens, and a character may be one."""


def batches(texts: Sequence[str]) -> Iterator[slice]:
    """Runs of texts that one request may have; a text too long for any is a run of its own."""
    start = characters = 0
    for place, text in enumerate(texts):
        is_full = place - start >= MOST_TEXTS or characters + len(text) > MOST_CHARACTERS
        if is_full and place > start:
            yield slice(start, place)
            start, characters = place, 0
        characters += len(text)
    if start < len(texts):
        yield slice(start, len(texts))


def embedding_body(
    texts: Sequence[str], *, model: str, dimensions: int | None, kind: TextKind | None
) -> dict[str, Any]:
    """The request. kind: for a server that puts the model's prefixes before texts; others are not told."""
    body: dict[str, Any] = {"model": model, "input": list(texts), "encoding_format": "base64"}
    if dimensions is not None:
        body["dimensions"] = dimensions
    if kind is not None:
        body["input_type"] = kind
    return body


def read_vectors(answer: Any, *, count: int) -> Vectors:
    """The vectors of an answer in the order of the texts, float32 of shape (count, dimensions).

    Servers that know no base64 send lists of numbers. Raises KeyError, TypeError and ValueError for an answer
    that is not one vector a text, all of one length.
    """
    rows: list[Vectors | None] = [None] * count
    for place, told in enumerate(answer["data"]):
        index = told.get("index", place)
        if not 0 <= index < count or rows[index] is not None:
            raise ValueError(f"a vector for text {index} of {count}")
        rows[index] = _read_vector(told["embedding"])
    given = [row for row in rows if row is not None]
    if len(given) < count:
        raise ValueError(f"{len(given)} vectors for {count} texts")
    vectors = np.stack(given)
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise ValueError("a vector that is zero or no number")
    return vectors


def _read_vector(told: Any) -> Vectors:
    if isinstance(told, str):
        return np.frombuffer(base64.b64decode(told, validate=True), dtype="<f4").astype(np.float32)
    vector = np.asarray(told, dtype=np.float32)
    if vector.ndim != 1:
        raise ValueError("token vectors where one vector a text belongs; have the server pool them")
    return vector
