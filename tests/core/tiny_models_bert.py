"""Writes tiny BERT models with random weights, and computes in numpy what they give.

A cross-encoder has a classifier head, an embedder has none. Weights are F32, so that llama.cpp and
numpy differ by the 16 bits of keys and values alone.
"""

import math
import string
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf_writing import gguf_bytes, number, numbers, text, texts
from numpy.typing import NDArray

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CLS, SEP = 2, 3
WIDTH = 32
HEADS = 2
BLOCKS = 2
CONTEXT = 64
_EPSILON = 1e-12
_FEED_FORWARD = 48
_WORD_START = "\N{LOWER ONE EIGHTH BLOCK}"
_ALIGNMENT = 32
_POOLING = {"mean": 1, "rank": 4}

Tensor = NDArray[np.float32]
_erf = np.vectorize(math.erf, otypes=[np.float64])


@dataclass(frozen=True)
class TinyBert:
    """The file and what is in it. Every letter is a token, at the start of a word another one."""

    path: Path
    tensors: dict[str, Tensor]

    def tokens(self, words: str) -> list[int]:
        """Token ids of words of small letters, without special tokens."""
        ids = []
        for word in words.split():
            ids.append(len(SPECIALS) + string.ascii_lowercase.index(word[0]))
            ids += [len(SPECIALS) + 26 + string.ascii_lowercase.index(letter) for letter in word[1:]]
        return ids

    def pair(self, query: str, document: str) -> list[int]:
        return [CLS, *self.tokens(query), SEP, *self.tokens(document), SEP]

    def logit(self, tokens: list[int]) -> float:
        """What the classifier says of the first token's state."""
        state = np.tanh(self._dense("cls", self._states(tokens)[0]))
        return float(self._dense("cls.output", state)[0])

    def vector(self, tokens: list[int]) -> NDArray[np.float64]:
        """The mean of all states, of L2 norm 1."""
        mean = self._states(tokens).mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _states(self, tokens: list[int]) -> NDArray[np.float64]:
        states = (
            self.tensors["token_embd.weight"][tokens].astype(np.float64)
            + self.tensors["position_embd.weight"][: len(tokens)]
            + self.tensors["token_types.weight"][0]
        )
        states = self._norm("token_embd_norm", states)
        for block in range(BLOCKS):
            states = self._encode(f"blk.{block}", states)
        return states

    def _encode(self, block: str, states: NDArray[np.float64]) -> NDArray[np.float64]:
        query, key, value = (
            self._dense(f"{block}.attn_{part}", states).reshape(len(states), HEADS, -1).swapaxes(0, 1)
            for part in "qkv"
        )
        scores = query @ key.swapaxes(1, 2) / math.sqrt(WIDTH // HEADS)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        attended = (shares @ value).swapaxes(0, 1).reshape(states.shape)
        states = self._norm(
            f"{block}.attn_output_norm", states + self._dense(f"{block}.attn_output", attended)
        )
        inner = self._dense(f"{block}.ffn_up", states)
        inner = inner * 0.5 * (1 + _erf(inner / math.sqrt(2)))
        return self._norm(f"{block}.layer_output_norm", states + self._dense(f"{block}.ffn_down", inner))

    def _dense(self, name: str, states: NDArray[np.float64]) -> NDArray[np.float64]:
        return states @ self.tensors[f"{name}.weight"].T.astype(np.float64) + self.tensors[f"{name}.bias"]

    def _norm(self, name: str, states: NDArray[np.float64]) -> NDArray[np.float64]:
        centred = states - states.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
        return centred / deviation * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]


def write_tiny_bert(
    path: Path,
    *,
    seed: int = 0,
    pooling: str | None = "rank",
    has_head: bool = True,
    labels: tuple[str, ...] = (),
    flags: dict[str, bool] | None = None,
) -> TinyBert:
    """A model at `path`. labels: what its classifier tells apart, one output without them.

    flags: add_bos_token and its like, as a converter may write them into the header.
    """
    random = np.random.default_rng(seed)
    tensors = dict(_body(random)) | (dict(_head(random, max(1, len(labels)))) if has_head else {})
    layout = tuple((name, tensor.shape[::-1], 0) for name, tensor in tensors.items())
    data = b"".join(raw + bytes(-len(raw) % _ALIGNMENT) for raw in map(np.ndarray.tobytes, tensors.values()))
    metadata = _metadata(pooling, labels) | {
        f"tokenizer.ggml.{name}": struct.pack("<I?", 7, value) for name, value in (flags or {}).items()
    }
    if flags and flags.get("add_eos_token"):
        metadata["tokenizer.ggml.eos_token_id"] = number("UINT32", SEP)
    path.write_bytes(gguf_bytes(metadata, tensors=layout, alignment=_ALIGNMENT, data=data))
    return TinyBert(path, tensors)


def _vocabulary() -> list[str]:
    letters = string.ascii_lowercase
    return [*SPECIALS, *(_WORD_START + letter for letter in letters), *letters]


def _metadata(pooling: str | None, labels: tuple[str, ...]) -> dict[str, bytes]:
    tokens = _vocabulary()
    shape = {
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "block_count": BLOCKS,
        "feed_forward_length": _FEED_FORWARD,
        "attention.head_count": HEADS,
    }
    metadata = {
        "general.architecture": text("bert"),
        "general.name": text("Tiny BERT"),
        "bert.attention.layer_norm_epsilon": number("FLOAT32", _EPSILON),
        "bert.attention.causal": struct.pack("<I?", 7, False),
        "tokenizer.ggml.model": text("bert"),
        "tokenizer.ggml.pre": text("default"),
        "tokenizer.ggml.tokens": texts(tokens),
        "tokenizer.ggml.token_type": numbers("INT32", [3 if one in SPECIALS else 1 for one in tokens]),
        "tokenizer.ggml.token_type_count": number("UINT32", 2),
        "tokenizer.ggml.padding_token_id": number("UINT32", 0),
        "tokenizer.ggml.unknown_token_id": number("UINT32", 1),
        "tokenizer.ggml.bos_token_id": number("UINT32", CLS),
        "tokenizer.ggml.cls_token_id": number("UINT32", CLS),
        "tokenizer.ggml.seperator_token_id": number("UINT32", SEP),
        "tokenizer.ggml.mask_token_id": number("UINT32", 4),
    }
    metadata |= {f"bert.{name}": number("UINT32", value) for name, value in shape.items()}
    if pooling:
        metadata["bert.pooling_type"] = number("UINT32", _POOLING[pooling])
    if labels:
        metadata["bert.classifier.output_labels"] = texts(list(labels))
    return metadata


def _body(random: np.random.Generator) -> Iterator[tuple[str, Tensor]]:
    yield "token_embd.weight", _random(random, len(_vocabulary()), WIDTH, scale=1.0)
    yield "token_types.weight", _random(random, 2, WIDTH, scale=0.5)
    yield "position_embd.weight", _random(random, CONTEXT, WIDTH, scale=0.5)
    yield from _norms(random, "token_embd_norm")
    for block in range(BLOCKS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield from _layer(random, f"blk.{block}.{name}", WIDTH, WIDTH)
        yield from _norms(random, f"blk.{block}.attn_output_norm")
        yield from _layer(random, f"blk.{block}.ffn_up", _FEED_FORWARD, WIDTH)
        yield from _layer(random, f"blk.{block}.ffn_down", WIDTH, _FEED_FORWARD)
        yield from _norms(random, f"blk.{block}.layer_output_norm")


def _head(random: np.random.Generator, outputs: int) -> Iterator[tuple[str, Tensor]]:
    yield from _layer(random, "cls", WIDTH, WIDTH)
    yield from _layer(random, "cls.output", outputs, WIDTH)


def _layer(random: np.random.Generator, name: str, outputs: int, inputs: int) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", _random(random, outputs, inputs, scale=2 / math.sqrt(inputs))
    yield f"{name}.bias", _random(random, outputs, scale=0.1)


def _norms(random: np.random.Generator, name: str) -> Iterator[tuple[str, Tensor]]:
    yield f"{name}.weight", 1 + _random(random, WIDTH, scale=0.1)
    yield f"{name}.bias", _random(random, WIDTH, scale=0.1)


def _random(random: np.random.Generator, *shape: int, scale: float) -> Tensor:
    return (scale * random.standard_normal(shape)).astype(np.float32)
