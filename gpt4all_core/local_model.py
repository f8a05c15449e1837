"""A chat model from a GGUF file: the core's facade, and what both adapters stand on."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from gpt4all_core.chat.template import ChatTemplate, Segment
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.config import resolve_settings
from gpt4all_core.constrain.quote import quote_grammar
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.handle import Generation
from gpt4all_core.errors import ConfigError, UnsupportedParameter
from gpt4all_core.leased_model import LeasedModel
from gpt4all_core.model_pool import Lease, LeaseTerms
from gpt4all_core.open_engine import open_engine
from gpt4all_core.open_model import (
    DEFAULT_CONTEXT,
    DEFAULT_PARALLEL,
    DEFAULT_WAITING,
    EngineOptions,
    Hardware,
    OpenModel,
)
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    ChatEvent,
    GenerationParams,
    JsonSchema,
    KVType,
    Message,
    Reasoning,
    TextDelta,
    ToolUse,
)


class LocalModel(LeasedModel[OpenModel]):
    """A local model you can talk to.

    model: a catalog name or alias, a GPT4All file name, a path to a .gguf, or
        `hf:owner/repo[:quant-or-file]`; without one, GPT4ALL_MODEL, else the catalog's default that
        is on this disk.
    context_size: tokens that prompt and answer may have together; default 4,096 or what the model
        was trained for, whichever is less.
    threads: default the physical cores that this process may use, fewer while other programs keep
        them busy; a number that is given stays.
    device: "auto" (default), "cpu", or a device by llama.cpp's name.
    gpu_layers: layers on that device; default as many as fit, -1 all.
    kv_type: "f16" (default), or "q8_0" or "q4_0", which take 53 % and 28 % of the memory and cost accuracy.
    parallel: most requests decoded in one batch; default 16.
    max_waiting: most requests that wait for a place in it; default 1,024.
    cache_bytes: host memory for the KV cells of idle conversations; default an eighth of the
        machine's, at most 2 GiB.
    cache_dir: a folder where they outlive the process; default none.
    idle_ttl_s: give the memory back after so long without a request; the next one loads the model again.
    reproducible: whatever else runs, a prompt and a seed get the text that they get alone, on the
        processor and with a quantised model; prompts take up to twice as long.
    isolate: run in a child process, so that a crash of llama.cpp is an EngineCrashed here.
    allow_download: fetch the model if it is not on this disk; otherwise nothing ever is.

    The file is found and loaded at first use; objects on one file with equal options share one
    engine, and any objects on one file share one copy of the weights, until the last is closed.
    All methods may be called from any thread and any event loop. Not usable across a fork.

        >>> with LocalModel("smollm2-135m-instruct") as model:
        ...     reply = model.chat([Message("user", "Say hello.")], GenerationParams(max_tokens=8))
        ...     text = reply.result().text

    Raises ModelNotFound and ModelLoadError at first use, ConfigError for impossible options.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        context_size: int | None = None,
        threads: int | None = None,
        device: str | None = None,
        gpu_layers: int | None = None,
        kv_type: KVType | None = None,
        parallel: int | None = None,
        max_waiting: int | None = None,
        cache_bytes: int | None = None,
        cache_dir: str | Path | None = None,
        idle_ttl_s: float | None = None,
        reproducible: bool | None = None,
        isolate: bool | None = None,
        allow_download: bool = False,
    ) -> None:
        super().__init__(model, role="chat", allow_download=allow_download)
        self._settings = resolve_settings(
            context_size=context_size,
            threads=threads,
            device=device,
            gpu_layers=gpu_layers,
            kv_type=kv_type,
            parallel=parallel,
            max_waiting=max_waiting,
            cache_bytes=cache_bytes,
            cache_dir=cache_dir,
            idle_ttl_s=idle_ttl_s,
            reproducible=reproducible,
            isolate=isolate,
        )

    @property
    def is_demonstration(self) -> bool:
        """Whether the catalog says that the model is too small to answer freely."""
        entry = self._entry
        return entry is not None and entry.is_demonstration

    @property
    def context_size(self) -> int:
        """Tokens that one request's prompt and answer may have together. Reads the file's header.

        Raises ConfigError for more than the model was trained for.
        """
        trained = self._header.context_length
        asked = self._settings.context_size
        if asked is None:
            return min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)
        if trained is not None and asked > trained:
            raise ConfigError(
                f"context_size={asked} is more than {self.name} was trained for; choose {trained} or less"
            )
        return asked

    @property
    def counters(self) -> Counters:
        """What the engine did so far, for every object that shares it. Loads the model."""
        return self._use(lambda opened: opened.counters)

    @property
    def hardware(self) -> Hardware:
        """What the model runs on: devices, layers on them, threads, type of cells. Loads the model."""
        return self._use(lambda opened: opened.hardware)

    def chat(
        self,
        messages: Sequence[Message],
        params: GenerationParams | None = None,
        *,
        tool_use: ToolUse | None = None,
        constraint: Constraint | None = None,
        reasoning: Reasoning = AS_THE_MODEL_LIKES,
        prefill: str = "",
        timeout_s: float | None = None,
    ) -> ChatReply:
        """Answer a conversation, rendered by the model's own template.

        The answer starts after `prefill`, which the model is made to believe it wrote and which
        is not part of the text. Returns at once; iterate the handle or ask for its result, which
        is a GenerationTimeout if it takes longer than `timeout_s` from now.
        Raises ConfigError when the model has no template or the template refuses the messages,
        ContextOverflow when the conversation does not fit.
        """
        if not messages:
            raise ConfigError("the conversation is empty; give at least one message")
        if tool_use is not None or reasoning != AS_THE_MODEL_LIKES:
            raise UnsupportedParameter("tools and reasoning are not supported yet")
        segments = [*self._render(messages), Segment(prefill)]
        return ChatReply(self._submit(self._tokens(segments), params, constraint, timeout_s), _PlainText())

    def complete(
        self,
        prompt: str,
        params: GenerationParams | None = None,
        *,
        constraint: Constraint | None = None,
        timeout_s: float | None = None,
    ) -> Generation:
        """Continue a text as it stands, without a chat template.

        Control tokens in the prompt are read as such: what to write is the caller's business.
        """
        return self._submit(self._tokens([Segment(prompt)]), params, constraint, timeout_s)

    def constrain(
        self,
        *,
        quote_from: Sequence[str] | None = None,
        schema: JsonSchema | None = None,
        regex: str | None = None,
        choices: Sequence[str] | None = None,
        lark: str | None = None,
    ) -> Constraint:
        """A constraint under which an answer is a span of words of these texts and a closing `"`.

        Loads the model. The first use takes about half a second for the vocabulary.
        """
        if quote_from is None or any(rule is not None for rule in (schema, regex, choices, lark)):
            raise UnsupportedParameter("only quote_from is supported yet")
        return self._use(lambda opened: opened.compile_grammar(quote_grammar(quote_from)))

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted. Loads the model."""
        return self._use(lambda opened: len(opened.tokenize(text, parse_special=False)))

    def count_message_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt as `chat` would send it, template included. Loads the model."""
        return len(self._tokens(self._render(messages)))

    def _lease_it(self) -> Lease[OpenModel]:
        settings = self._settings
        options = EngineOptions(
            self.context_size,
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
        )
        return open_engine(self.path, options, LeaseTerms(settings.idle_ttl_s, settings.memory_budget))

    def _render(self, messages: Sequence[Message]) -> tuple[Segment, ...]:
        self.open()  # not inside `_template`, whose lock is one for all models in Python 3.11
        return self._template.render(messages).segments

    @cached_property
    def _template(self) -> ChatTemplate:
        facts = self._use(lambda opened: opened.facts)
        if facts.chat_template is None:
            raise ConfigError(
                f"{self.name} has no chat template, so it cannot hold a conversation;"
                " use complete(), or a model whose name ends in -instruct or -chat"
            )
        return ChatTemplate(
            facts.chat_template,
            others=facts.other_templates,
            special=facts.special,
            model_name=self.name,
        )

    def _tokens(self, segments: Sequence[Segment]) -> list[int]:
        return self._use(lambda opened: _tokens_of(segments, opened))

    def _submit(
        self,
        tokens: list[int],
        params: GenerationParams | None,
        constraint: Constraint | None,
        timeout_s: float | None,
    ) -> Generation:
        chosen = params or GenerationParams()
        return self._use(
            lambda opened: opened.submit(
                tokens, chosen, constraint=constraint, timeout_s=timeout_s, keep_alive=self
            )
        )


class _PlainText:
    def push(self, text: str) -> list[ChatEvent]:
        return [TextDelta(text)] if text else []

    def finish(self) -> list[ChatEvent]:
        return []


def _tokens_of(segments: Sequence[Segment], opened: OpenModel) -> list[int]:
    tokens = [
        token
        for segment in segments
        for text in _readable_parts(segment)
        for token in opened.tokenize(text, parse_special=not segment.is_literal)
    ]
    facts = opened.facts
    if facts.adds_bos and facts.bos is not None and tokens[:1] != [facts.bos]:
        tokens.insert(0, facts.bos)
    return tokens


def _readable_parts(segment: Segment) -> tuple[str, ...]:
    """A literal is the text of a special token. llama.cpp reads added ones (`<think>`) even where it
    was told not to, so a literal is cut behind its first character.
    """
    return (segment.text[:1], segment.text[1:]) if segment.is_literal else (segment.text,)
