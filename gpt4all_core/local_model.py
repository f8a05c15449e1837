"""A chat model from a GGUF file: the core's facade, and what both adapters stand on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_projector_check import Modality, modalities
from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.template import Segment
from gpt4all_core.chat_format import ChatFormat, ChatRequest
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.choose_template import choose_template
from gpt4all_core.config import resolve_settings
from gpt4all_core.constrain.kinds import rule_grammar
from gpt4all_core.continuation import scored_text
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.handle import Generation, Scoring
from gpt4all_core.errors import ConfigError
from gpt4all_core.leased_model import LeasedModel
from gpt4all_core.model_pool import Lease, LeaseTerms
from gpt4all_core.open_engine import open_engine
from gpt4all_core.open_model import DEFAULT_CONTEXT, EngineOptions, Hardware, OpenModel
from gpt4all_core.open_projector import projector_file
from gpt4all_core.prompt import Prompt, prompt_of, read_media
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    Adapter,
    Audio,
    GenerationParams,
    Image,
    JsonSchema,
    KVType,
    Media,
    Message,
    Reasoning,
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
    projector: the `mmproj` file by which it sees or hears; default the one beside the model's, if one fits.
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
        projector: str | Path | None = None,
        allow_download: bool = False,
    ) -> None:
        super().__init__(model, role="chat", allow_download=allow_download)
        self._projector = None if projector is None else Path(projector).expanduser()
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
    def reads(self) -> tuple[Modality, ...]:
        """What it can be sent beside text, as the header of its projector says: "vision", "audio"."""
        if self._settings.isolate:
            return ()
        path = projector_file(self.path, self._header, self._projector)
        return () if path is None else modalities(read_header(path))

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
        """Answer a conversation, rendered by the model's own template, or the catalog's if that is wrong.

        tool_use: functions that the model may ask for, in the format that its template shows; calls are
        valid by construction. constraint: what `constrain` of this model made; with tools the answer is
        that or calls. reasoning: how much it may think first. prefill: the beginning of the answer, which
        the model is made to believe it wrote and which is not part of the text; what the assistant said
        last, if the conversation ends with that.
        Returns at once; iterate the handle or its events, or ask for its result, which is a
        GenerationTimeout if it takes longer than `timeout_s` from now.
        Raises ConfigError when the model has no template, the template refuses the messages, or the
        tools make no sense, UnsupportedSchema for parameters that cannot be enforced,
        UnsupportedParameter for pictures and sounds that the model cannot be sent, ContextOverflow when the
        conversation does not fit.
        """
        request = self._request(messages, tool_use, reasoning, constraint=constraint, prefill=prefill)
        chat_format = self._chat_format()
        prepared = chat_format.prepare(request)
        if prepared.rule is not None:
            rule = prepared.rule
            if constraint is not None and constraint.lark is None:
                raise ConfigError(
                    f"a {type(constraint).__name__} brings its own token matcher, which knows no tools and no"
                    " thoughts; use a constraint that constrain() made, or leave out tool_use and reasoning"
                )
            constraint = self._use(lambda opened: opened.compile_grammar(rule))
        request_handle = self._submit(
            prepared.segments,
            params,
            constraint=constraint,
            shown=chat_format.token_ids(prepared.markers),
            timeout_s=timeout_s,
        )
        return ChatReply(request_handle, prepared.reader, withheld_tools=prepared.withheld_tools)

    def chat_choices(
        self,
        count: int,
        messages: Sequence[Message],
        params: GenerationParams | None = None,
        *,
        tool_use: ToolUse | None = None,
        constraint: Constraint | None = None,
        reasoning: Reasoning = AS_THE_MODEL_LIKES,
        timeout_s: float | None = None,
    ) -> list[ChatReply]:
        """Several answers to one conversation, decoded together; its prompt is decoded once.

        With a seed, the answers have this one and those that follow it. Raises what `chat` does.
        """
        if count < 1:
            raise ConfigError(f"count={count} answers cannot be given; ask for at least one")
        chosen = params or GenerationParams()
        seeds = [None if chosen.seed is None else chosen.seed + number for number in range(count)]
        return [
            self.chat(
                messages,
                replace(chosen, seed=seed),
                tool_use=tool_use,
                constraint=constraint,
                reasoning=reasoning,
                timeout_s=timeout_s,
            )
            for seed in seeds
        ]

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
        return self._submit([Segment(prompt)], params, constraint=constraint, timeout_s=timeout_s)

    def loglikelihood(
        self,
        contexts_and_continuations: Sequence[tuple[str, str]],
        *,
        truncate: bool = False,
        adapters: Sequence[Adapter] = (),
        timeout_s: float | None = None,
    ) -> Scoring:
        """How likely each continuation is after its context; returns at once, ask the handle for the result.

        What the texts of one call have in common is decoded once; calls in flight together are decoded in
        one batch, after what is to be read: for many questions, make some calls before asking for results.
        With reproducible=True a score is the same whatever it is decoded beside; else sums come in another
        order in another batch, which moved a score by up to 0.5 on the starter model.
        truncate: leave out the beginning of a context that is too long, else that is a ContextOverflow.
        Texts are read as they stand, control tokens included, and tokens are told apart as
        lm-evaluation-harness does (`continuation.py`). Raises ConfigError for no pairs, or a continuation
        without a token.

            >>> pairs = [("The sky is", " blue"), ("The sky is", " cheese")]
            >>> blue, cheese = LocalModel("smollm2-135m-instruct").loglikelihood(pairs).result()
            >>> blue.logprob > cheese.logprob
            True
        """

        def score(opened: OpenModel) -> Scoring:
            texts = [
                scored_text(*pair, opened, context_size=self.context_size, truncate=truncate)
                for pair in contexts_and_continuations
            ]
            return opened.score(texts, adapters=adapters, timeout_s=timeout_s, keep_alive=self)

        return self._use(score)

    def constrain(
        self,
        *,
        quote_from: Sequence[str] | None = None,
        schema: JsonSchema | None = None,
        regex: str | None = None,
        choices: Sequence[str] | None = None,
        lark: str | None = None,
    ) -> Constraint:
        """A rule for an answer; give one of them. Loads the model.

        quote_from: a span of words of these texts and a closing `"`. schema: JSON that is valid under a
        JSON Schema, written on one line; if `max_tokens` comes near, it is closed, not cut. regex: all
        of the text matches. choices: one of these texts. lark: a sentence of a grammar, as llguidance
        reads them.
        The first use takes about half a second for the vocabulary; rules are kept by their text.
        Raises UnsupportedSchema for what cannot be enforced, with the keyword and its place.
        """
        grammar = rule_grammar(
            {"quote_from": quote_from, "schema": schema, "regex": regex, "choices": choices, "lark": lark}
        )
        return self._use(lambda opened: opened.compile_grammar(grammar))

    def token_ids(self, text: str) -> list[int]:
        """A text in the model's own vocabulary, nothing put before or behind it. Loads the model.

        Control tokens that the text spells are read as text, as `chat` reads them.
        """
        return self._use(lambda opened: opened.tokenize(text, parse_special=False))

    def count_tokens(self, text: str) -> int:
        """How many `token_ids` has. Loads the model."""
        return len(self.token_ids(text))

    def count_message_tokens(
        self,
        messages: Sequence[Message],
        *,
        tool_use: ToolUse | None = None,
        reasoning: Reasoning = AS_THE_MODEL_LIKES,
    ) -> int:
        """Tokens of a whole prompt as `chat` would send it, template and tools included. Loads the model."""
        request = self._request(messages, tool_use, reasoning)
        return len(self._prompt(self._chat_format().render(request).segments).tokens)

    def dialect(self, *, has_tools: bool = True) -> Dialect:
        """How the model writes tool calls and thoughts, and where that is known from: a known family,
        told from what its template writes, or asked for in the prompt. Loads the model.
        """
        return self._chat_format().dialect(has_tools=has_tools)

    def _lease_it(self) -> Lease[OpenModel]:
        settings = self._settings
        options = EngineOptions.of(settings, context_size=self.context_size, projector=self._projector)
        return open_engine(self.path, options, LeaseTerms(settings.idle_ttl_s, settings.memory_budget))

    def _request(
        self,
        messages: Sequence[Message],
        tool_use: ToolUse | None,
        reasoning: Reasoning,
        *,
        constraint: Constraint | None = None,
        prefill: str = "",
    ) -> ChatRequest:
        if not messages:
            raise ConfigError("the conversation is empty; give at least one message")
        for message in messages:
            if not isinstance(message, Message):
                raise ConfigError(f"{message!r} is no message; give Message(role, content)")
        if constraint is not None and not hasattr(constraint, "matcher"):
            raise ConfigError(f"constraint={constraint!r} cannot be used; give what constrain() made")
        for kind in (Image, Audio):
            found = (media for message in messages for media in message.media if isinstance(media, kind))
            if (media := next(found, None)) is not None:
                self._read_media(media)  # first, since it tells best why a model cannot be sent any
        answer = "" if constraint is None else constraint.lark or ""
        return ChatRequest(tuple(messages), tool_use, reasoning, answer=answer, prefill=prefill)

    def _chat_format(self) -> ChatFormat:
        self.open()  # not inside the property, whose lock is one for all models in Python 3.11
        return self._format

    @cached_property
    def _format(self) -> ChatFormat:
        facts = choose_template(self._use(lambda opened: opened.facts), self._entry)
        return ChatFormat(facts, model_name=self.name, tokenize=self._read_special)

    def _read_media(self, media: Media) -> None:
        self._use(lambda opened: read_media(media, opened))

    def _read_special(self, text: str) -> list[int]:
        return self._use(lambda opened: opened.tokenize(text, parse_special=True))

    def _prompt(self, segments: Sequence[Segment]) -> Prompt:
        return self._use(lambda opened: prompt_of(segments, opened))

    def _submit(
        self,
        segments: Sequence[Segment],
        params: GenerationParams | None,
        *,
        constraint: Constraint | None,
        shown: Sequence[int] = (),
        timeout_s: float | None,
    ) -> Generation:
        chosen = params or GenerationParams()

        def submit(opened: OpenModel) -> Generation:
            prompt = prompt_of(segments, opened)
            return opened.submit(
                prompt.tokens,
                chosen,
                constraint=constraint,
                shown=shown,
                images=prompt.images,
                timeout_s=timeout_s,
                keep_alive=self,
            )

        return self._use(submit)
