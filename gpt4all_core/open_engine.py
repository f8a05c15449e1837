"""A share in a running engine: the weights, their KV cache, and the thread that owns both."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.batch_kernels import warn_if_slow
from gpt4all_core.catalog.fingerprint import fingerprint
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.machine import memory_bytes
from gpt4all_core.catalog.store import copies_folder
from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.compiled_grammars import CompiledGrammars
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.engine.backend import ThreadPolicy
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.disk_cache import DiskCache
from gpt4all_core.engine.engine import Engine
from gpt4all_core.engine.handle import Generation, Scoring
from gpt4all_core.engine.image_rows import ImageRows, PromptImage
from gpt4all_core.engine.reproducible import REPRODUCIBLE_ROWS, ReproducibleThreads
from gpt4all_core.engine.sampling import check_params
from gpt4all_core.engine.saved_cells import CellStore, HostCache
from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.engine.speculation import Speculation
from gpt4all_core.engine.thread_governor import ThreadGovernor
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError, ModelLoadError
from gpt4all_core.isolated.engine import start_isolated
from gpt4all_core.model_memory import CacheShape, ModelMemory, model_memory
from gpt4all_core.model_pool import FileIdentity, Lease, LeaseTerms, MemoryParts, pool
from gpt4all_core.open_adapter import AdapterShelf
from gpt4all_core.open_model import EngineOptions, Hardware, OpenModel, PromptFacts
from gpt4all_core.open_projector import MediaReader, NoMedia, open_media, projector_file
from gpt4all_core.open_weights import open_weights, place_weights, weights_part
from gpt4all_core.protocols import Constraint, TokenMatcher
from gpt4all_core.starter_copy import engine_file, is_starter
from gpt4all_core.trial import trials
from gpt4all_core.types import Adapter, GenerationParams
from gpt4all_core.visits import Visits

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.weights import LlamaWeights


MOST_CACHE_BYTES = 2 << 30
"""What idle conversations may take by default, if it is no more than an eighth of the memory:
90,000 tokens of a 135M model, 16,000 of one with 8B."""

_CELL_STEP = 256  # llama.cpp's (`llama_context`: GGML_PAD of n_ctx, and of each sequence's share of it)


class OpenEngine:
    """The engine in this process, and the weights it runs on. Made by `open_engine`."""

    def __init__(
        self,
        engine: Engine,
        weights: "LlamaWeights",
        hardware: Hardware,
        *,
        adapters: AdapterShelf,
        media: MediaReader | NoMedia,
        grammars: CompiledGrammars,
        visits: Visits,
    ) -> None:
        self.engine = engine
        self.weights = weights
        self.adapters = adapters
        self.media = media
        self.hardware = hardware
        self._grammars = grammars
        self._visits = visits
        """Who uses the weights beside the engine's own thread."""

    @property
    def is_open(self) -> bool:
        return self.engine.is_open

    @property
    def idle_s(self) -> float:
        return self.engine.idle_s

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
        for_tools = weights.metadata("tokenizer.chat_template.tool_use")
        others = {} if for_tools is None else {"tool_use": for_tools}
        return PromptFacts(
            template,
            special,
            weights.bos,
            weights.adds_bos,
            weights.eos,
            others,
        )

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        return self.weights.tokenize(text, parse_special=parse_special)

    def read_image(self, data: bytes) -> PromptImage:
        with self._visits.inside():
            return self.media.read_image(data)

    def read_audio(self, data: bytes) -> PromptImage:
        with self._visits.inside():
            return self.media.read_audio(data)

    def compile_grammar(self, lark: str) -> GrammarConstraint:
        with self._visits.inside():
            return self._grammars.compile(lark)

    def submit(
        self,
        tokens: Sequence[int],
        params: GenerationParams,
        *,
        constraint: Constraint | None,
        shown: Sequence[int] = (),
        images: Mapping[int, ImageRows] | None = None,
        timeout_s: float | None,
        keep_alive: object,
    ) -> Generation:
        check_params(params)
        with self._visits.inside():  # a grammar may have to be compiled, and files of adapters read
            matcher = self._matcher(constraint, room=self.engine.context_size - len(tokens), params=params)
            use = self.adapters.use(params.adapters)
            try:
                return self.engine.submit(
                    tokens,
                    params,
                    matcher=matcher,
                    shown=shown,
                    images=images,
                    adapters=use.set,
                    timeout_s=timeout_s,
                    keep_alive=keep_alive,
                    on_end=use.end,
                )
            except BaseException:
                use.end()
                raise

    def score(
        self,
        texts: Sequence[ScoredText],
        *,
        adapters: Sequence[Adapter] = (),
        timeout_s: float | None,
        keep_alive: object,
    ) -> Scoring:
        with self._visits.inside():
            use = self.adapters.use(adapters)
            try:
                return self.engine.score(
                    texts, adapters=use.set, timeout_s=timeout_s, keep_alive=keep_alive, on_end=use.end
                )
            except BaseException:
                use.end()
                raise

    def load_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Read these now, so that a `submit` that follows need not. Raises what that would."""
        with self._visits.inside():
            self.adapters.use(adapters).end()

    def retire(self) -> bool:
        with self._visits.held_shut() as is_empty:
            if not is_empty or self.engine.is_busy:
                return False
            self.engine.close(wait=False)
            return True

    def _matcher(
        self, constraint: Constraint | None, *, room: int, params: GenerationParams
    ) -> TokenMatcher | None:
        """room: for the answer, in tokens. Raises ConfigError for what no answer has room for."""
        if isinstance(constraint, GrammarConstraint):
            if not constraint.is_for(self.weights.constraint_tokenizer()):
                constraint = self._grammars.compile(constraint.lark)
            if room > 0:  # else the prompt is too long, as the engine says
                constraint.check_budget(min(room, params.max_tokens or room))
        return None if constraint is None else constraint.matcher()

    def close(self) -> None:
        self.engine.close()

    def begin_close(self) -> None:
        self.engine.close(wait=False)


def open_engine(path: Path, options: EngineOptions, terms: LeaseTerms) -> Lease[OpenModel]:
    """A share in the engine for a model file, started if nobody has it open with these options.

    For the starter model it runs a faster copy, see `engine_file`. Raises ConfigError for a model that
    is larger than the memory budget, or than this machine.
    """
    file = engine_file(path, isolate=options.isolate)
    key = ("engine", FileIdentity.of(file), options)

    def memory() -> MemoryParts:
        needed = _memory(file, options)
        needed.check(terms.memory_budget, name=path.name)
        # A child process shares its weights with nobody.
        return (
            {key: needed.total} if options.isolate else {weights_part(file): needed.weights, key: needed.own}
        )

    def start() -> OpenModel:
        if options.isolate:
            return start_isolated(file, options)
        trials.require(path)
        return start_engine(file, options)

    return pool.lease(key, start, terms=terms, memory=memory)


def start_engine(path: Path, options: EngineOptions) -> OpenEngine:
    """A new engine in this process, which nobody shares."""
    from gpt4all_core.engine.llama.contexts import ContextOptions, LlamaContext  # noqa: PLC0415 - heavy
    from gpt4all_core.engine.llama.devices import processor_features  # noqa: PLC0415 - heavy

    shape, threads = _shape(options), options.threads or usable_cores()
    if options.reproducible:
        _check_reproducible(path, options, shape)
    with ExitStack() as undo:
        lease = open_weights(path, device=options.device, gpu_layers=options.gpu_layers, shape=shape)
        undo.callback(lease.close)
        weights = lease.value
        if weights.has_encoder:
            raise ModelLoadError(
                f"{path} is an embedding or encoder model and writes no text; open it with LocalEmbedder,"
                " GPT4AllEmbeddings (LangChain) or GPT4AllEmbedding (LlamaIndex)",
                path=path,
            )
        if not weights.devices:
            _check_machine(path, options)
            if not is_starter(path):  # whose copy could not be made, as a warning said
                warn_if_slow(check_loadable(path), processor_features)
        context = LlamaContext(
            weights,
            ContextOptions(
                cells=shape.cells,
                sequences=shape.sequences,
                batch_tokens=shape.batch_tokens,
                threads=threads,
                kv_type=options.kv_type,
                is_split=options.reproducible,
            ),
        )
        undo.callback(context.close)
        adapters = AdapterShelf(weights)
        grammars = CompiledGrammars(weights)
        visits = Visits(lease.close)
        media = open_media(
            weights,
            check_loadable(path),
            projector=options.projector,
            threads=threads,
            context_size=options.context_size,
            batch_rows=context.image_limit,
        )

        def give_back() -> None:
            adapters.close()
            media.close()
            grammars.close()
            visits.close()

        # The owner thread gives the weights back, after it has freed the context that uses them.
        engine = Engine(
            context,
            weights,
            context_size=options.context_size,
            max_waiting=options.max_waiting,
            governor=_thread_policy(options, threads, is_offloaded=bool(weights.devices)),
            guessing=None if options.reproducible else Speculation(),
            stores=_stores(path, options),
            on_closed=give_back,
        )
        hardware = Hardware(
            path, weights.devices, weights.gpu_layers, weights.layers, threads, kv_type=options.kv_type
        )
        opened = OpenEngine(
            engine.start(),
            weights,
            hardware,
            adapters=adapters,
            media=media,
            grammars=grammars,
            visits=visits,
        )
        undo.pop_all()
        return opened


def _check_reproducible(path: Path, options: EngineOptions, shape: CacheShape) -> None:
    """Raise ConfigError if layers would go to an accelerator, whose sums have an order of their own."""
    where = place_weights(path, device=options.device, gpu_layers=options.gpu_layers, shape=shape)
    if where.devices:
        raise ConfigError(
            f"reproducible=True holds on the processor alone, and {path.name} would run on"
            f" {', '.join(where.devices)}; choose device='cpu', or reproducible=False"
        )


def _thread_policy(options: EngineOptions, threads: int, *, is_offloaded: bool) -> ThreadPolicy | None:
    """Threads that were asked for stay; else they follow what the cores have left."""
    if options.reproducible:
        return ReproducibleThreads(threads)
    return ThreadGovernor(threads) if options.threads is None and not is_offloaded else None


def _stores(path: Path, options: EngineOptions) -> list[CellStore]:
    """Where the cells of idle conversations go: host memory, and a folder if there is to be one."""
    stores: list[CellStore] = []
    limit = min(memory_bytes() // 8, MOST_CACHE_BYTES) if options.cache_bytes is None else options.cache_bytes
    if limit:
        stores.append(HostCache(limit))
    if options.cache_dir is not None:
        # Cells mean nothing to another file, another type or order of cells, or another llama.cpp.
        order = "apart" if options.reproducible else "together"
        model = f"{fingerprint(path)} {options.kv_type} {order} {version('llama-cpp-python')}"
        stores.append(DiskCache(options.cache_dir, model=model))
    return stores


def _shape(options: EngineOptions) -> CacheShape:
    """The cells that llama.cpp will make, which rounds them up, so that memory is reckoned with those."""
    if not options.reproducible:
        # For a full request beside others and their prefixes.
        cells = _rounded(2 * options.context_size)
    elif options.parallel <= REPRODUCIBLE_ROWS:
        cells = _rounded(options.context_size) * options.parallel  # a full request in each sequence
    else:
        raise ConfigError(
            f"parallel={options.parallel} is more than reproducible=True allows, whose batches have"
            f" {REPRODUCIBLE_ROWS} rows; choose parallel={REPRODUCIBLE_ROWS} or less, or reproducible=False"
        )
    batch_tokens = REPRODUCIBLE_ROWS if options.reproducible else options.batch_tokens
    return CacheShape(cells, options.kv_type, batch_tokens, sequences=options.parallel)


def _rounded(cells: int) -> int:
    return -(-cells // _CELL_STEP) * _CELL_STEP


def _memory(path: Path, options: EngineOptions) -> ModelMemory:
    header = check_loadable(path)
    needed = model_memory(header, _shape(options))
    projector = projector_file(path, header, options.projector)
    if projector is None:
        return needed
    return replace(needed, compute=needed.compute + projector.stat().st_size)  # taken when it is first used


def _check_machine(path: Path, options: EngineOptions) -> None:
    """Raise ConfigError for a KV cache larger than the machine: Linux would end the process instead."""
    needed, there = _memory(path, options).kv, memory_bytes()
    if needed > there:
        asked, smaller = f"context_size={options.context_size}", "a smaller one"
        if options.reproducible:
            asked += f" for each of parallel={options.parallel} requests, as reproducible=True keeps them,"
            smaller = "a smaller context_size or parallel"
        # The copy that stands for the starter is nothing that anybody asked for.
        name = "the starter model" if path.parent == copies_folder() else path.name
        raise ConfigError(
            f"{asked} takes {needed / 2**30:.1f} GiB for the KV cache of {name}, and this machine has"
            f" {there / 2**30:.1f} GiB; choose {smaller}, or a smaller kv_type"
        )
