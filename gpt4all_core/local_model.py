"""A chat model from a GGUF file: the core's facade, and what both adapters stand on."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from gpt4all_core.chat.template import ChatTemplate, Segment, SpecialTokens
from gpt4all_core.config import resolve_settings
from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.constrain.quote import quote_grammar
from gpt4all_core.engine.engine import Counters
from gpt4all_core.engine.handle import Generation
from gpt4all_core.errors import ConfigError
from gpt4all_core.leased_model import LeasedModel
from gpt4all_core.model_pool import DEFAULT_CONTEXT, EngineOptions, Lease, OpenEngine, open_engine
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import GenerationParams, Message


class LocalModel(LeasedModel[OpenEngine]):
    """A local model you can talk to.

    model: a catalog name or alias, a GPT4All file name, a path to a .gguf, or
    `hf:owner/repo[:quant-or-file]`; without one, GPT4ALL_MODEL, else the catalog's default that is
    on this disk. context_size: tokens that prompt and answer may have together (default 4,096 or
    what the model was trained for, whichever is less). threads: default every physical core this
    process may use. gpu_layers: layers to offload, -1 (default) all that the build can.
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
        gpu_layers: int | None = None,
        allow_download: bool = False,
    ) -> None:
        super().__init__(model, role="chat", allow_download=allow_download)
        self._settings = resolve_settings(context_size=context_size, threads=threads, gpu_layers=gpu_layers)

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
        return self._opened.engine.counters

    def chat(
        self,
        messages: Sequence[Message],
        params: GenerationParams | None = None,
        *,
        constraint: Constraint | None = None,
        prefill: str = "",
    ) -> Generation:
        """Answer a conversation, rendered by the model's own template.

        The answer starts after `prefill`, which the model is made to believe it wrote and which
        is not part of the text. Returns at once; iterate the handle or ask for its result.
        Raises ConfigError when the model has no template or the template refuses the messages,
        ContextOverflow when the conversation does not fit.
        """
        if not messages:
            raise ConfigError("the conversation is empty; give at least one message")
        segments = [*self._render(messages), Segment(prefill)]
        return self._submit(self._tokens(segments), params, constraint)

    def complete(
        self,
        prompt: str,
        params: GenerationParams | None = None,
        *,
        constraint: Constraint | None = None,
    ) -> Generation:
        """Continue a text as it stands, without a chat template.

        Control tokens in the prompt are read as such: what to write is the caller's business.
        """
        return self._submit(self._tokens([Segment(prompt)]), params, constraint)

    def constrain(self, *, quote_from: Sequence[str]) -> Constraint:
        """A constraint under which an answer is a span of words of these texts and a closing `"`.

        Loads the model. The first use takes about half a second for the vocabulary.
        """
        weights = self._opened.weights
        return GrammarConstraint(
            quote_grammar(quote_from),
            tokenizer=weights.constraint_tokenizer(),
            vocabulary_size=weights.vocabulary_size,
        )

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted. Loads the model."""
        return len(self._opened.weights.tokenize(text, parse_special=False))

    def count_message_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a whole prompt as `chat` would send it, template included. Loads the model."""
        return len(self._tokens(self._render(messages)))

    def _lease_it(self) -> Lease[OpenEngine]:
        options = EngineOptions(self.context_size, self._settings.threads, self._settings.gpu_layers)
        return open_engine(self.path, options)

    def _render(self, messages: Sequence[Message]) -> tuple[Segment, ...]:
        self.open()  # not inside `_template`, whose lock is one for all models in Python 3.11
        return self._template.render(messages)

    @cached_property
    def _template(self) -> ChatTemplate:
        weights = self._opened.weights
        source = weights.metadata("tokenizer.chat_template")
        if source is None:
            raise ConfigError(
                f"{self.name} has no chat template, so it cannot hold a conversation;"
                " use complete(), or a model whose name ends in -instruct or -chat"
            )
        control, added = weights.control_tokens()
        special = SpecialTokens(
            bos="" if weights.bos is None else weights.token_text(weights.bos),
            eos="" if weights.eos is None else weights.token_text(weights.eos),
            control=control,
            added=added,
        )
        return ChatTemplate(source, special=special, model_name=self.name)

    def _tokens(self, segments: Sequence[Segment]) -> list[int]:
        weights = self._opened.weights
        tokens = [
            token
            for segment in segments
            for text in _readable_parts(segment)
            for token in weights.tokenize(text, parse_special=not segment.is_literal)
        ]
        if weights.adds_bos and weights.bos is not None and tokens[:1] != [weights.bos]:
            tokens.insert(0, weights.bos)
        return tokens

    def _submit(
        self, tokens: list[int], params: GenerationParams | None, constraint: Constraint | None
    ) -> Generation:
        opened = self._opened
        if isinstance(constraint, GrammarConstraint):
            constraint.check_tokenizer(opened.weights.constraint_tokenizer())
        return opened.engine.submit(
            tokens,
            params or GenerationParams(),
            matcher=constraint.matcher() if constraint is not None else None,
            keep_alive=self,
        )


def _readable_parts(segment: Segment) -> tuple[str, ...]:
    """A literal is the text of a special token. llama.cpp reads added ones (`<think>`) even where it
    was told not to, so a literal is cut behind its first character.
    """
    return (segment.text[:1], segment.text[1:]) if segment.is_literal else (segment.text,)
