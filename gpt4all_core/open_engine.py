"""A share in a running engine: the weights, their KV cache, and the thread that owns both."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.engine.engine import Counters, Engine
from gpt4all_core.engine.handle import Generation
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError, ModelLoadError
from gpt4all_core.model_pool import Closable, FileIdentity, Lease, pool
from gpt4all_core.open_weights import open_weights
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import GenerationParams, KVType

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights

DEFAULT_CONTEXT = 4096
"""Tokens a request may have when nothing else is asked for and the model allows it: long enough
for a page of passages and an answer, small enough for the KV cache of an 8B model on a laptop."""

DEFAULT_PARALLEL = 16
"""Rows beyond which a batch gains little: total tokens/s grew from 8 to 16 by 0 to 20 %, by quantisation."""

DEFAULT_WAITING = 1024
"""A bound, so that a caller who asks faster than the model answers learns of it before memory ends."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What makes two engines different.

    context_size: most tokens of one request. threads: None takes the cores this process may use.
    device: "auto", "cpu", or a device by llama.cpp's name. gpu_layers: -1 all, None as many as fit.
    kv_type: how keys and values are kept. parallel: most requests decoded in one batch. max_waiting:
    most requests that may wait for a place. cache_bytes: host memory for the cells of idle
    conversations. cache_dir: where they outlive the process; None nowhere. isolate: run in a child
    process.
    """

    context_size: int
    threads: int | None = None
    device: str = "auto"
    gpu_layers: int | None = None
    kv_type: KVType = "f16"
    parallel: int = DEFAULT_PARALLEL
    max_waiting: int = DEFAULT_WAITING
    cache_bytes: int | None = None
    cache_dir: Path | None = None
    isolate: bool = False
    batch_tokens: int = 512


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What it takes from a model's file to write a prompt for it."""

    chat_template: str | None
    special: SpecialTokens
    bos: int | None
    adds_bos: bool


class OpenModel(Closable, Protocol):
    """A model that serves requests, in this process or in a child of it. All methods thread-safe."""

    @property
    def facts(self) -> PromptFacts:
        """Read once, then kept."""

    @property
    def counters(self) -> Counters:
        """What the engine did since it was opened."""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Token ids without an added beginning or end; control tokens are read only if asked."""

    def compile_grammar(self, lark: str) -> Constraint:
        """A Lark grammar for this vocabulary. Raises UnsupportedSchema."""

    def submit(
        self,
        tokens: list[int],
        params: GenerationParams,
        *,
        constraint: Constraint | None,
        keep_alive: object,
    ) -> Generation:
        """Queue a prompt; see `Engine.submit` for what it raises."""


class OpenEngine:
    """The engine in this process, and the weights it runs on. Made by `open_engine`."""

    def __init__(self, engine: Engine, weights: "LlamaWeights") -> None:
        self.engine = engine
        self.weights = weights

    @property
    def is_open(self) -> bool:
        return self.engine.is_open

    @property
    def counters(self) -> Counters:
        return self.engine.counters

    @cached_property
    def facts(self) -> PromptFacts:
        weights = self.weights
        control, added = weights.control_tokens()
        special = SpecialTokens(
            bos="" if weights.bos is None else weights.token_text(weights.bos),
            eos="" if weights.eos is None else weights.token_text(weights.eos),
            control=control,
            added=added,
        )
        template = weights.metadata("tokenizer.chat_template")
        return PromptFacts(template, special, weights.bos, weights.adds_bos)

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        return self.weights.tokenize(text, parse_special=parse_special)

    def compile_grammar(self, lark: str) -> Constraint:
        return GrammarConstraint(
            lark,
            tokenizer=self.weights.constraint_tokenizer(),
            vocabulary_size=self.weights.vocabulary_size,
        )

    def submit(
        self,
        tokens: Sequence[int],
        params: GenerationParams,
        *,
        constraint: Constraint | None,
        keep_alive: object,
    ) -> Generation:
        if isinstance(constraint, GrammarConstraint):
            constraint.check_tokenizer(self.weights.constraint_tokenizer())
        matcher = constraint.matcher() if constraint is not None else None
        return self.engine.submit(tokens, params, matcher=matcher, keep_alive=keep_alive)

    def close(self) -> None:
        self.engine.close()

    def begin_close(self) -> None:
        self.engine.close(wait=False)


def open_engine(path: Path, options: EngineOptions) -> Lease[OpenModel]:
    """A share in the engine for a model file, started if nobody has it open with these options."""
    return pool.lease(("engine", FileIdentity.of(path), options), lambda: start_engine(path, options))


def start_engine(path: Path, options: EngineOptions) -> OpenEngine:
    """A new engine in this process, which nobody shares."""
    from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext  # noqa: PLC0415 - heavy

    with ExitStack() as undo:
        weights = open_weights(path, options.gpu_layers)
        undo.callback(weights.close)
        if weights.value.has_encoder:
            raise ModelLoadError(f"{path} is an embedding or encoder model and writes no text", path=path)
        cells = 2 * options.context_size  # room for a full request beside others and their prefixes
        if not weights.value.may_offload:
            _check_memory(path, options.context_size, cells)
        context = LlamaContext(
            weights.value,
            ContextOptions(
                cells=cells,
                sequences=options.parallel,
                batch_tokens=options.batch_tokens,
                threads=options.threads or usable_cores(),
            ),
        )
        undo.callback(context.close)
        # The owner thread gives the weights back, after it has freed the context that uses them.
        engine = Engine(context, weights.value, context_size=options.context_size, on_closed=weights.close)
        opened = OpenEngine(engine.start(), weights.value)
        undo.pop_all()
        return opened


def _check_memory(path: Path, context_size: int, cells: int) -> None:
    """Raise ConfigError for a KV cache larger than the machine: Linux would end the process instead."""
    needed, there = cells * (read_header(path).cell_bytes or 0), memory_bytes()
    if needed > there:
        raise ConfigError(
            f"context_size={context_size} takes {needed / 2**30:.1f} GiB for the KV cache of {path.name},"
            f" and this machine has {there / 2**30:.1f} GiB; choose a smaller one"
        )
