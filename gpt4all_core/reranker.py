"""How well documents answer a query, by a cross-encoder from a GGUF file."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.config import resolve_settings
from gpt4all_core.errors import ConfigError, GenerationError
from gpt4all_core.leased_model import LeasedModel
from gpt4all_core.model_memory import is_encoder
from gpt4all_core.model_pool import Lease, LeaseTerms
from gpt4all_core.off_loop import off_loop
from gpt4all_core.open_packs import OpenPacks, PackedModelOptions, wait_for
from gpt4all_core.open_reranker import SOFTMAX_ARCHITECTURES, between_pair, open_reranker
from gpt4all_core.pair_tokens import PairWriter, SeparatedPair, TemplatedPair
from gpt4all_core.ranking import Scores, ranked, sigmoid
from gpt4all_core.text_windows import SpecialFrame
from gpt4all_core.types import RankedDocument

LongDocument = Literal["truncate", "error"]

MOST_TOKENS = 1024
"""Tokens of a query and a document together, for encoders trained for more: BGE's reranker v2 was
tuned with 1,024."""

MOST_DECODER_TOKENS = 512
"""The same for models that also write text: each token has a row of logits, 300 MB for 512 of them."""


class LocalReranker(LeasedModel[OpenPacks]):
    """A local reranker: a score from 0 to 1 for how well a document answers a query.

    model: as for LocalModel; a GGUF of a cross-encoder with its classifier head, such as BGE's
    reranker v2 or Qwen3's. long_text: a document that does not fit beside the query is cut
    ("truncate") or refused ("error"). threads, device, gpu_layers, idle_ttl_s, allow_download: as
    for LocalModel.

    A pair is written by the template named "rerank" in the model's file, else as
    `[BOS] query [EOS] [SEP] document [EOS]`; control tokens that a text spells stay text. llama.cpp
    marks every token as belonging to the first text, so BERT models trained with a mark for the second
    one, such as ms-marco-MiniLM, score differently than elsewhere; those made from RoBERTa have no such
    mark.

    Loaded at first use, shared, thread-safe and packed as LocalEmbedder's texts are.

        reranker = LocalReranker("hf:gpustack/bge-reranker-v2-m3-GGUF:Q8_0")
        best = reranker.rerank("What do parrots eat?", passages, top_n=3)[0]
        passages[best.index], best.score

    Raises ModelNotFound at first use, and ModelLoadError for a file without a classifier head;
    ConfigError for an empty query, and for one too long to leave room for a document.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        long_text: LongDocument = "truncate",
        threads: int | None = None,
        device: str | None = None,
        gpu_layers: int | None = None,
        idle_ttl_s: float | None = None,
        allow_download: bool = False,
    ) -> None:
        if long_text not in ("truncate", "error"):
            raise ConfigError(f"long_text={long_text!r} is unknown; use 'truncate' or 'error'")
        super().__init__(model, role="reranker", allow_download=allow_download)
        self._settings = resolve_settings(
            threads=threads, device=device, gpu_layers=gpu_layers, idle_ttl_s=idle_ttl_s
        )
        self._long_text = long_text

    @property
    def max_tokens(self) -> int:
        """Most tokens of a query and a document together, special tokens included. Reads the header."""
        most = MOST_TOKENS if is_encoder(self._header) else MOST_DECODER_TOKENS
        return min(self._header.context_length or most, most)

    def rerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None
    ) -> list[RankedDocument]:
        """The documents by their score, the best first; equal ones in the order given.

        top_n: how many of them; None gives all.
        """
        return ranked(wait_for(self._begin_ranking(query, documents, top_n)), top_n)

    async def arerank(
        self, query: str, documents: Sequence[str], *, top_n: int | None = None
    ) -> list[RankedDocument]:
        """The same for an event loop. Cancelling the task drops what is not scored yet."""
        begin = partial(self._begin_ranking, query, documents, top_n)
        future = await off_loop(begin, lane=self, undo=Future.cancel)
        return ranked(await asyncio.wrap_future(future), top_n)

    def score(self, pairs: Sequence[tuple[str, str]], *, raw: bool = False) -> Scores:
        """float32, shape (len(pairs),): a score for each pair of a query and a document.

        The sigmoid of the model's logit, from 0 to 1; `raw` gives the logit, of any size.
        """
        logits = wait_for(self._begin(pairs))
        return logits if raw else sigmoid(logits)

    async def ascore(self, pairs: Sequence[tuple[str, str]], *, raw: bool = False) -> Scores:
        """The same for an event loop."""
        future = await off_loop(partial(self._begin, pairs), lane=self, undo=Future.cancel)
        logits = await asyncio.wrap_future(future)
        return logits if raw else sigmoid(logits)

    def _lease_it(self) -> Lease[OpenPacks]:
        options = PackedModelOptions(
            batch_tokens=self.max_tokens,
            threads=self._settings.threads,
            device=self._settings.device or "auto",
            gpu_layers=self._settings.gpu_layers,
        )
        terms = LeaseTerms(self._settings.idle_ttl_s, self._settings.memory_budget)
        return open_reranker(self.path, options, terms)

    @cached_property
    def _writer(self) -> PairWriter:
        template = self._header.text("tokenizer.chat_template.rerank")
        if template is None:
            return SeparatedPair(
                self._tokenize,
                frame=SpecialFrame.of(self._tokenize_framed),
                between=self._use(lambda opened: between_pair(opened.weights)),
            )
        control, added = self._use(lambda opened: opened.weights.control_tokens())
        return TemplatedPair(
            template,
            tokenize=self._tokenize_reading,
            tokenize_literally=self._tokenize,
            barred=control | added,
        )

    def _tokenize(self, text: str) -> list[int]:
        return self._use(lambda opened: opened.tokenize(text))

    def _tokenize_framed(self, text: str) -> list[int]:
        return self._use(lambda opened: opened.tokenize(text, add_special=True))

    def _tokenize_reading(self, text: str) -> list[int]:
        return self._use(lambda opened: opened.tokenize(text, parse_special=True))

    def _begin_ranking(self, query: str, documents: Sequence[str], top_n: int | None) -> Future[Scores]:
        if top_n is not None and top_n < 1:
            raise ConfigError(f"top_n={top_n}; give 1 or more, or None for all documents")
        if isinstance(documents, str):  # whose letters would be documents
            raise ConfigError(f"{documents!r} is one document; give a list of them")
        return self._begin([(query, document) for document in documents])

    def _begin(self, pairs: Sequence[tuple[str, str]]) -> Future[Scores]:
        """Hand the pairs to the owner threads; their logits."""
        sequences = [self._tokens(query, document) for query, document in pairs]
        is_softmax = self._header.architecture in SOFTMAX_ARCHITECTURES
        return self._use(
            lambda opened: opened.submit(sequences, lambda rows: _logits(rows, is_softmax=is_softmax))
        )

    def _tokens(self, query: str, document: str) -> list[int]:
        for text in (query, document):
            if not isinstance(text, str):
                raise ConfigError(f"{text!r} is no text and cannot be ranked; give a str")
        if not query.strip():
            raise ConfigError("an empty query ranks nothing; ask something")
        if self._long_text == "truncate":
            return self._writer.write_within(query, document, self.max_tokens)
        tokens = self._writer.write(query, document)
        if len(tokens) > self.max_tokens:
            raise ConfigError(
                f"a query and a document have {len(tokens)} tokens but {self.name} sees {self.max_tokens};"
                " split the document, or choose long_text='truncate'"
            )
        return tokens


def _logits(rows: NDArray[np.float32], *, is_softmax: bool) -> Scores:
    """One logit a row; of a softmax over yes and no, how much yes exceeded no."""
    if not np.isfinite(rows).all():
        raise GenerationError("the reranker's scores are not finite numbers; its file is damaged")
    if not is_softmax:
        return rows[:, 0]
    safe = np.log(np.maximum(rows, np.finfo(np.float32).tiny))
    return np.asarray(safe[:, 0] - safe[:, 1], dtype=np.float32)
