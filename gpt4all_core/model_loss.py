"""How well a model foretells a text, and how far a quantised one strays from the model it was made of.

Computed as llama-perplexity does (tools/perplexity/perplexity.cpp of llama.cpp): the text is cut into
windows of `context_tokens` tokens, each read by itself and begun with the token for the beginning where the
vocabulary has it, and the tokens of the second half of each are scored, so that every one has at least half a
window before it. Of two models each window is read by one after the other, some rows at a time, so that no
row of logits is kept longer than it takes to compare it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.engine.backend import Batch, Logits
from gpt4all_core.engine.divergence import compare_rows, surprises
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError
from gpt4all_core.model_memory import CacheShape
from gpt4all_core.open_weights import open_weights
from gpt4all_core.trial import trials

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights

OWN_TEXT = Path(__file__).with_name("measuring_text.md")
"""The text that is taken where none is given: stories, facts, advice, a program and a table, written for this
project, so that figures from two machines are of the same text."""

CONTEXT_TOKENS = 512
"""llama-perplexity's own default; figures of other windows cannot be compared with it."""

MOST_TOKENS = 4096
"""Tokens of a text that are read where nobody says how many. OWN_TEXT has fewer, some 2,700."""

_ROWS = 64  # of logits at a time: 67 MB of them with a vocabulary of 262,144
_CHARACTERS_PER_TOKEN = 32  # no text has so many; a text of gigabytes is not tokenised for a few windows

OnWindow = Callable[[int, int], None]
"""Gets how many windows are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Perplexity:
    """e to the mean surprise of the scored tokens: a model that guessed evenly among n tokens has n.

    standard_error: of `value`, from the scatter of the tokens' surprises. windows, context_tokens: how many
    of what length; scored_tokens: the second halves of them.
    """

    value: float
    standard_error: float
    scored_tokens: int
    windows: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Loss:
    """What a model lost on its way from `source` to `result`.

    kl_mean, kl_median, kl_99, kl_greatest: the Kullback-Leibler divergence of the result's next token from
    the source's, in nats; 0 where both expect the same. kl_99: 99 of 100 tokens are below.
    kl_standard_error: of the mean. same_top: share of tokens where both hold the same next token for the
    likeliest.
    """

    source: Perplexity
    result: Perplexity
    kl_mean: float
    kl_standard_error: float
    kl_median: float
    kl_99: float
    kl_greatest: float
    same_top: float

    @property
    def perplexity_ratio(self) -> float:
        """The result's perplexity divided by the source's; known far better than either."""
        return self.result.value / self.source.value


def perplexity(
    model: str | Path,
    *,
    text: str | Path | None = None,
    tokens: int = MOST_TOKENS,
    context_tokens: int = CONTEXT_TOKENS,
    on_window: OnWindow = lambda _done, _total: None,
) -> Perplexity:
    """How well a model foretells a text.

    model: a reference as for LocalModel; the file itself is read, of the starter model not its copy. text:
    as it is, or the path of a UTF-8 file; by default OWN_TEXT. tokens: read at the most, in whole windows.
    context_tokens: length of a window, or what the model was trained for if that is less.

    Reads windows as fast as prompts are read. Raises ConfigError for a text of less than a window, for
    numbers that make no window, and for a model that foretells nothing (an embedder); ModelNotFound,
    ModelLoadError.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(_Reader(model, context_tokens))
        windows = _windows(reader, _read(text), tokens)
        values: list[NDArray[np.float64]] = []
        for number, window in enumerate(windows):
            values.extend(surprises(logits, following) for logits, following in reader.read(window))
            on_window(number + 1, len(windows))
    return _perplexity(np.concatenate(values), windows)


def measure_loss(
    source: str | Path,
    result: str | Path,
    *,
    text: str | Path | None = None,
    tokens: int = MOST_TOKENS,
    context_tokens: int = CONTEXT_TOKENS,
    on_window: OnWindow = lambda _done, _total: None,
) -> Loss:
    """What a quantised model lost against the model it was made of.

        loss = measure_loss("model-F16.gguf", "model-Q4_0.gguf")
        print(loss.perplexity_ratio, loss.kl_mean)

    Both are in memory at once. Arguments and errors as for `perplexity`; ConfigError too for two models
    that cut the text into different tokens.
    """
    with ExitStack() as stack:
        first = stack.enter_context(_Reader(source, context_tokens))
        second = stack.enter_context(_Reader(result, context_tokens))
        windows = _windows(first, _read(text), tokens)
        second.check_like(first, windows[0])
        rows = []
        for number, window in enumerate(windows):
            for (expected, following), (found, _) in zip(
                first.read(window), second.read(window), strict=True
            ):
                rows.append(compare_rows(expected, found, following))
            on_window(number + 1, len(windows))
    surprise, surprise_of_result, divergence, is_same_top = map(np.concatenate, zip(*rows, strict=True))
    median, most, greatest = np.quantile(divergence, (0.5, 0.99, 1.0))
    return Loss(
        source=_perplexity(surprise, windows),
        result=_perplexity(surprise_of_result, windows),
        kl_mean=float(divergence.mean()),
        kl_standard_error=_standard_error(divergence),
        kl_median=float(median),
        kl_99=float(most),
        kl_greatest=float(greatest),
        same_top=float(is_same_top.mean()),
    )


class _Reader:
    """A model that reads windows; a context manager."""

    def __init__(self, model: str | Path, context_tokens: int) -> None:
        self.path = resolve_model(model)
        self.context_tokens = context_tokens
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext  # noqa: PLC0415 - heavy

        if self.context_tokens < 4:
            raise ConfigError(f"context_tokens={self.context_tokens} makes no window; give 4 or more, or 512")
        trials.require(self.path)
        with ExitStack() as undo:
            shape = CacheShape(cells=self.context_tokens, batch_tokens=self.context_tokens, sequences=1)
            lease = open_weights(self.path, shape=shape)
            undo.callback(lease.close)
            self.weights: LlamaWeights = lease.value
            if self.weights.has_encoder:
                raise ConfigError(
                    f"{self.path.name} is an embedding or encoder model: it foretells no next token, and so"
                    " has no perplexity"
                )
            self.context_tokens = min(self.context_tokens, self.weights.trained_context)
            options = ContextOptions(
                cells=self.context_tokens,
                sequences=1,
                batch_tokens=self.context_tokens,
                threads=usable_cores(),
            )
            self._context = LlamaContext(self.weights, options)
            undo.callback(self._context.close)
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check_like(self, other: "_Reader", window: NDArray[np.int32]) -> None:
        """Raise unless the other cuts texts into the same tokens: else rows cannot be compared."""
        spoken = b"".join(other.weights.piece(int(token)) for token in window[1:]).decode("utf-8", "ignore")
        tokens = [reader.weights.tokenize(spoken, parse_special=False) for reader in (self, other)]
        if self.weights.vocabulary_size != other.weights.vocabulary_size or tokens[0] != tokens[1]:
            raise ConfigError(
                f"{self.path.name} and {other.path.name} have different vocabularies, so that their next"
                " tokens cannot be compared; give a model and what was made of it"
            )
        if self.context_tokens != other.context_tokens:
            raise ConfigError(
                f"{self.path.name} was trained for {self.context_tokens} tokens and {other.path.name} for"
                f" {other.context_tokens}; give a context_tokens that both have"
            )

    def read(self, window: NDArray[np.int32]) -> Iterator[tuple[Logits, NDArray[np.int32]]]:
        """Logits of some rows of the window's second half, and the token that follows each.

        The logits last until the next are asked for.
        """
        half = len(window) // 2
        self._context.truncate(0, 0)
        self._context.decode(_batch(window, 0, half, wants_logits=False))
        last = len(window) - 1  # what follows it is not known
        for begin in range(half, last, _ROWS):
            end = min(begin + _ROWS, last)
            logits = self._context.decode(_batch(window, begin, end, wants_logits=True))
            yield logits, window[begin + 1 : end + 1]


def _batch(window: NDArray[np.int32], begin: int, end: int, *, wants_logits: bool) -> Batch:
    count = end - begin
    return Batch(
        tokens=window[begin:end],
        positions=np.arange(begin, end, dtype=np.int32),
        sequence_ids=np.zeros(count, dtype=np.int32),
        wants_logits=np.full(count, wants_logits),
    )


def _read(text: str | Path | None) -> str:
    if isinstance(text, str):
        return text
    path = OWN_TEXT if text is None else text
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"text={path} cannot be read ({error.strerror or error}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"text={path} is no text in UTF-8 ({error.reason}); give a text file") from error


def _windows(reader: _Reader, text: str, tokens: int) -> list[NDArray[np.int32]]:
    size, weights = reader.context_tokens, reader.weights
    if tokens < size:
        raise ConfigError(f"tokens={tokens} is less than a window of {size}; give a multiple of it")
    ids = weights.tokenize(text[: tokens * _CHARACTERS_PER_TOKEN], parse_special=False, add_special=True)
    count = min(len(ids), tokens) // size
    if not count:
        raise ConfigError(
            f"the text has {len(ids)} tokens, less than a window of {size}; give a longer one, or a smaller"
            " context_tokens"
        )
    windows = np.array(ids[: count * size], dtype=np.int32).reshape(count, size)
    if weights.adds_bos and weights.bos is not None:
        windows[:, 0] = weights.bos
    return list(windows)


def _perplexity(surprise: NDArray[np.float64], windows: list[NDArray[np.int32]]) -> Perplexity:
    value = float(np.exp(surprise.mean()))
    return Perplexity(
        value=value,
        standard_error=value * _standard_error(surprise),
        scored_tokens=len(surprise),
        windows=len(windows),
        context_tokens=len(windows[0]),
    )


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=0) / np.sqrt(max(len(values) - 1, 1)))
