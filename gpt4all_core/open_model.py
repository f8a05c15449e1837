"""What a model that is open can be asked, wherever its engine runs, and what it is opened with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gpt4all_core.chat.template import SpecialTokens
from gpt4all_core.config import Settings
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.handle import Generation, Scoring
from gpt4all_core.engine.image_rows import ImageRows, PromptImage
from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.model_pool import Closable
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import Adapter, GenerationParams, KVType

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
    conversations. cache_dir: where they outlive the process; None nowhere. reproducible: no
    text depends on what else runs. isolate: run in a child process. projector: what reads pictures
    and sounds for the model; None takes the file beside the model's, if one fits.
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
    reproducible: bool = False
    isolate: bool = False
    projector: Path | None = None
    batch_tokens: int = 512

    @classmethod
    def of(cls, settings: Settings, *, context_size: int, projector: Path | None) -> "EngineOptions":
        """What the settings ask for, and defaults for the rest."""
        return cls(
            context_size,
            threads=settings.threads,
            device=settings.device or "auto",
            gpu_layers=settings.gpu_layers,
            kv_type=settings.kv_type or "f16",
            parallel=settings.parallel or DEFAULT_PARALLEL,
            max_waiting=DEFAULT_WAITING if settings.max_waiting is None else settings.max_waiting,
            cache_bytes=settings.cache_bytes,
            cache_dir=settings.cache_dir,
            reproducible=bool(settings.reproducible),
            isolate=bool(settings.isolate),
            projector=projector,
        )


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What it takes from a model's file to write a prompt for it.

    other_templates: by the name that the file has them under, "tool_use" for instance.
    """

    chat_template: str | None
    special: SpecialTokens
    bos: int | None
    adds_bos: bool
    eos: int | None = None
    other_templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What an open model runs on.

    file: whose weights are loaded; not the model's own file where a faster copy stands in for it.
    devices: llama.cpp's names of those that hold layers, none for the processor alone. gpu_layers: how
    many layers they hold, of `layers` in all, the output counted as one. threads: of the processor.
    kv_type: how keys and values are kept.
    """

    file: Path
    devices: tuple[str, ...]
    gpu_layers: int
    layers: int
    threads: int
    kv_type: KVType

    def __str__(self) -> str:
        where = f"{', '.join(self.devices)} ({self.gpu_layers} of {self.layers} layers)"
        return f"{where if self.devices else 'the processor'}, {self.threads} threads, {self.kv_type} cells"


class OpenModel(Closable, Protocol):
    """A model that serves requests, in this process or in a child of it. All methods thread-safe."""

    @property
    def facts(self) -> PromptFacts:
        """Read once, then kept."""

    @property
    def hardware(self) -> Hardware:
        """Where the weights are, and what computes with them."""

    @property
    def counters(self) -> Counters:
        """What the engine did since it was opened."""

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        """Token ids without an added beginning or end; control tokens are read only if asked."""

    def read_image(self, data: bytes) -> PromptImage:
        """The bytes of a picture's file as tokens and rows for a prompt; `submit` gets both.

        Takes seconds, but for one of the last pictures. Raises UnsupportedParameter where nothing reads
        pictures for this model, ConfigError for what is no whole picture, MissingDependency without
        Pillow, ModelLoadError for a projector that cannot be used.
        """

    def read_audio(self, data: bytes) -> PromptImage:
        """The same for the bytes of a sound's file; it takes seconds for every half minute.

        Raises ContextOverflow for one that is longer than the context, and MissingDependency without
        soundfile.
        """

    def compile_grammar(self, lark: str) -> Constraint:
        """A Lark grammar for this vocabulary. Raises UnsupportedSchema."""

    def submit(
        self,
        tokens: list[int],
        params: GenerationParams,
        *,
        constraint: Constraint | None,
        shown: Sequence[int] = (),
        images: Mapping[int, ImageRows] | None = None,
        timeout_s: float | None,
        keep_alive: object,
    ) -> Generation:
        """Queue a prompt; see `Engine.submit`, also for what it raises."""

    def score(
        self,
        texts: Sequence[ScoredText],
        *,
        adapters: Sequence[Adapter] = (),
        timeout_s: float | None,
        keep_alive: object,
    ) -> Scoring:
        """Queue texts to be scored; see `Engine.score`, also for what it raises."""
