"""A share in a running engine: the weights, their KV cache, and the thread that owns both."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.catalog.fingerprint import fingerprint
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.engine import Engine
from gpt4all_core.engine.handle import Generation
from gpt4all_core.engine.saved_cells import CellStore, HostCache
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError, ModelLoadError
from gpt4all_core.isolated.engine import start_isolated
from gpt4all_core.model_pool import FileIdentity, Lease, pool
from gpt4all_core.open_model import EngineOptions, OpenModel, PromptFacts
from gpt4all_core.open_weights import open_weights
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import GenerationParams

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights


MOST_CACHE_BYTES = 2 << 30
"""What idle conversations may take by default, if it is no more than an eighth of the memory:
90,000 tokens of a 135M model, 16,000 of one with 8B."""


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
        timeout_s: float | None,
        keep_alive: object,
    ) -> Generation:
        if isinstance(constraint, GrammarConstraint):
            constraint.check_tokenizer(self.weights.constraint_tokenizer())
        matcher = constraint.matcher() if constraint is not None else None
        return self.engine.submit(tokens, params, matcher=matcher, timeout_s=timeout_s, keep_alive=keep_alive)

    def close(self) -> None:
        self.engine.close()

    def begin_close(self) -> None:
        self.engine.close(wait=False)


def open_engine(path: Path, options: EngineOptions) -> Lease[OpenModel]:
    """A share in the engine for a model file, started if nobody has it open with these options."""
    start: Callable[[Path, EngineOptions], OpenModel] = start_isolated if options.isolate else start_engine
    return pool.lease(("engine", FileIdentity.of(path), options), lambda: start(path, options))


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
        engine = Engine(
            context,
            weights.value,
            context_size=options.context_size,
            max_waiting=options.max_waiting,
            stores=_stores(path, options),
            on_closed=weights.close,
        )
        opened = OpenEngine(engine.start(), weights.value)
        undo.pop_all()
        return opened


def _stores(path: Path, options: EngineOptions) -> list[CellStore]:
    """Where the cells of idle conversations go: host memory, and a folder if there is to be one."""
    stores: list[CellStore] = []
    limit = min(memory_bytes() // 8, MOST_CACHE_BYTES) if options.cache_bytes is None else options.cache_bytes
    if limit:
        stores.append(HostCache(limit))
    if options.cache_dir is not None:
        # Cells mean nothing to another file, another type of cells, or another llama.cpp.
        model = f"{fingerprint(path)} {options.kv_type} {version('llama-cpp-python')}"
        stores.append(DiskCache(options.cache_dir, model=model))
    return stores


def _check_memory(path: Path, context_size: int, cells: int) -> None:
    """Raise ConfigError for a KV cache larger than the machine: Linux would end the process instead."""
    needed, there = cells * (read_header(path).cell_bytes or 0), memory_bytes()
    if needed > there:
        raise ConfigError(
            f"context_size={context_size} takes {needed / 2**30:.1f} GiB for the KV cache of {path.name},"
            f" and this machine has {there / 2**30:.1f} GiB; choose a smaller one"
        )
