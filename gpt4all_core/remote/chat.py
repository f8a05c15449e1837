"""A chat model behind an address, in the place of one in a file."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from gpt4all_core.begun_answer import take_begun_answer
from gpt4all_core.chat.tool_formats.offered import callable_tools
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.check_tools import check_reasoning, check_tools
from gpt4all_core.engine.handle import Generation
from gpt4all_core.engine.sampling.params import check_params
from gpt4all_core.errors import ConfigError, EngineClosed, UnsupportedParameter
from gpt4all_core.protocols import Constraint
from gpt4all_core.remote.client import Endpoint, Json
from gpt4all_core.remote.message_json import messages_json, tools_json
from gpt4all_core.remote.options import (
    DEFAULT_CONNECT_TIMEOUT_S,
    DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT_S,
    EndpointOptions,
)
from gpt4all_core.remote.read_answer import ReadAnswer
from gpt4all_core.remote.read_text import ReadText
from gpt4all_core.remote.rules import RemoteRule, remote_rule
from gpt4all_core.remote.sampling_json import sampling_json, thoughts_json
from gpt4all_core.remote.server_facts import ServerFacts, find_out
from gpt4all_core.remote.token_counts import TokenCounts
from gpt4all_core.tool_rounds import tools_left, withheld_tools
from gpt4all_core.types import (
    AS_THE_MODEL_LIKES,
    GenerationParams,
    JsonSchema,
    Message,
    Reasoning,
    ToolUse,
)

T = TypeVar("T")


class RemoteModel:
    """A model behind an OpenAI-compatible address that you can talk to as to a local one.

    model: its name there; None takes the first that the address lists.
    base_url, api_key, timeout_s, connect_timeout_s, max_retries, max_connections: see `EndpointOptions`.
    context_size: tokens that prompt and answer may have together; None asks the server. It limits what is
        packed into prompts here; what the server takes is its own business.

    What you say goes to that address and nowhere else. Which server it is (this project's, llama-server,
    vLLM, or one that tells no more than OpenAI's API) is asked once, at first use: they hold answers to
    different kinds of rules and take different sampling options. What one cannot do is refused by
    UnsupportedParameter.
    All methods may be called from any thread, any event loop and a forked child; the first blocks until the
    server has told of itself.

        >>> model = RemoteModel(base_url="http://127.0.0.1:4891/v1")  # doctest: +SKIP
        >>> model.chat([Message("user", "Say hello.")]).result().text  # doctest: +SKIP
        'Hello!'

    Raises ConfigError for what is no address, MissingDependency without the extra `remote`, and at first use
    EndpointError and ModelNotFound.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str,
        api_key: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S,
        max_retries: int = DEFAULT_MAX_RETRIES,
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        context_size: int | None = None,
    ) -> None:
        if context_size is not None and context_size < 1:
            raise ConfigError(f"context_size={context_size!r} cannot be used; give 1 or more tokens, or None")
        self._model = model
        self._context_size = context_size
        self._options = EndpointOptions(
            base_url, api_key, timeout_s, connect_timeout_s, max_retries, max_connections
        )
        self._endpoint = Endpoint(self._options)
        self._lock = threading.Lock()
        self._facts: ServerFacts | None = None
        self._counts: TokenCounts | None = None
        self._is_closed = False

    @property
    def address(self) -> str:
        """Where requests go."""
        return self._endpoint.address

    @property
    def name(self) -> str:
        """What the server calls the model, without folders."""
        return self.server.model.label

    @property
    def server(self) -> ServerFacts:
        """What the server told of itself. Asks it at first use."""
        if self._facts is not None:  # without the lock, which is held while the server is asked
            return self._facts
        with self._lock:
            if self._is_closed:
                raise EngineClosed(f"this model was closed; make a new {type(self).__name__} to use it")
            if self._facts is None:
                self._facts = find_out(self._endpoint, self._model)
            return self._facts

    @property
    def context_size(self) -> int:
        """Tokens that one request's prompt and answer may have together.

        Raises ConfigError where the server tells nothing and none was given.
        """
        size = self._context_size or self.server.model.context_tokens
        if size is None:
            raise ConfigError(f"{self.address} does not tell how long its context is; give context_size")
        return size

    @property
    def is_demonstration(self) -> bool:
        """False: a server's models are taken at their word."""
        return False

    @property
    def reads(self) -> tuple[str, ...]:
        """What it can be sent beside text, "vision" and "audio", as far as the server tells."""
        return self.server.reads

    @property
    def is_open(self) -> bool:
        """Whether the server was asked what it is, so that a call need not wait for that."""
        return self._facts is not None and not self._is_closed

    def open(self) -> Self:
        """Ask the server what it is now, instead of at first use. Idempotent."""
        _ = self.server
        return self

    def close(self) -> None:
        """Break off what is under way and close the connections; for good, and idempotent."""
        self._is_closed = True
        self._endpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        """Answer a conversation, by the template that the server has for the model.

        Arguments and what is returned are those of `LocalModel.chat`; leaving or cancelling closes the
        connection, by which servers stop within a token. Calls that do not fit their parameters come out as
        calls that are none, and a finished answer that does not fit its rule is an OutputError. Raises
        UnsupportedParameter for what this server cannot do.
        """
        chosen = params or GenerationParams()
        check_params(chosen)
        check_tools(tool_use)
        check_reasoning(reasoning)
        left = None if tool_use is None else tools_left(tool_use, messages)
        rule = self._rule(constraint)
        body = self._conversation_json(messages, left, reasoning=reasoning, prefill=prefill)
        body |= sampling_json(chosen, self.server) | self._rule_json(rule, left)
        if chosen.logprobs:
            body |= {"logprobs": True, "top_logprobs": chosen.top_logprobs}
        reader = ReadAnswer(
            address=self.address,
            tool_use=left,
            rule=rule,
            has_logprobs=chosen.logprobs,
            top_logprobs=chosen.top_logprobs,
        )
        request = self._endpoint.stream(
            "chat/completions", self._streamed(body), write=reader.write, end=reader.end, timeout_s=timeout_s
        )
        withheld = () if tool_use is None or left is None else withheld_tools(tool_use, left)
        return ChatReply(request, reader, withheld_tools=withheld)

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
        """Several answers to one conversation, asked for at once. With a seed, the answers have this one and
        those that follow it. Raises what `chat` does.
        """
        if count < 1:
            raise ConfigError(f"count={count} answers cannot be given; ask for at least one")
        chosen = params or GenerationParams()
        return [
            self.chat(
                messages,
                chosen if chosen.seed is None else replace(chosen, seed=chosen.seed + number),
                tool_use=tool_use,
                constraint=constraint,
                reasoning=reasoning,
                timeout_s=timeout_s,
            )
            for number in range(count)
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

        Without `max_tokens` as far as the context goes, which the server or `context_size` has to tell.
        """
        chosen = params or GenerationParams()
        check_params(chosen)
        if chosen.max_tokens is None:
            # OpenAI's own default is 16.
            chosen = replace(chosen, max_tokens=max(1, self.context_size - self.count_tokens(prompt) - 1))
        rule = self._rule(constraint)
        body = {"prompt": prompt, **sampling_json(chosen, self.server), **self._rule_json(rule, None)}
        if chosen.logprobs:
            body["logprobs"] = max(1, chosen.top_logprobs)  # llama-server takes 0 for none at all
        reader = ReadText(
            address=self.address,
            rule=rule,
            has_logprobs=chosen.logprobs,
            top_logprobs=chosen.top_logprobs,
        )
        return self._endpoint.stream(
            "completions", self._streamed(body), write=reader.write, end=reader.end, timeout_s=timeout_s
        )

    def constrain(
        self,
        *,
        quote_from: Sequence[str] | None = None,
        schema: JsonSchema | None = None,
        regex: str | None = None,
        choices: Sequence[str] | None = None,
        lark: str | None = None,
    ) -> RemoteRule:
        """A rule for an answer, as `LocalModel.constrain` has them, for this server to hold to.

        JSON under a schema every server takes; the others this project's server and, but for `lark`, vLLM;
        llama-server takes `quote_from` and `choices`, and the rest if it was built with llguidance.
        Raises UnsupportedParameter for what this one cannot hold to.
        """
        rules = {"quote_from": quote_from, "schema": schema, "regex": regex, "choices": choices, "lark": lark}
        return remote_rule(rules, self.server)

    def token_ids(self, text: str) -> list[int]:
        """A text in the model's own vocabulary, nothing put before or behind it. Asks the server.

        Raises UnsupportedParameter for one that tells no tokens; this project's server tells how many.
        """
        match self.server.kind:
            case "llama-server":
                # Control tokens that the text spells are read as text.
                asked: Json = {"content": text, "add_special": False, "parse_special": False}
            case "vllm":
                asked = {"prompt": text, "add_special_tokens": False}
            case _:
                raise UnsupportedParameter(f"{self.address} tells no token ids; count_tokens tells how many")
        return self._post("/tokenize", asked, lambda told: list(map(int, told["tokens"])))

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has. Short ones, and all where the server does not tell, are estimated,
        rather too high.
        """
        if self._counts is None:
            self._counts = TokenCounts(self._endpoint, self.server.model)
        return self._endpoint.run(partial(self._counts.count, text)).result()

    def count_message_tokens(
        self,
        messages: Sequence[Message],
        *,
        tool_use: ToolUse | None = None,
        reasoning: Reasoning = AS_THE_MODEL_LIKES,
    ) -> int:
        """Tokens of a whole prompt as `chat` would send it; all but a llama-server's are estimated by their
        texts.
        """
        check_tools(tool_use)
        body = self._conversation_json(messages, tool_use, reasoning=reasoning, prefill="")
        if self.server.kind == "llama-server":
            prompt = self._post("/apply-template", body, lambda told: str(told["prompt"]))
            asked = {"content": prompt, "add_special": True, "parse_special": True}
            return self._post("/tokenize", asked, lambda told: len(told["tokens"]))
        texts = [message.text for message in messages]
        texts.extend(call.arguments for message in messages for call in message.tool_calls)
        texts.extend(json.dumps(tool) for tool in body.get("tools", ()))
        return sum(map(self.count_tokens, texts)) + _TOKENS_A_MESSAGE * len(messages)

    def _post(self, path: str, body: Json, read: Callable[[Json], T]) -> T:
        return self._endpoint.ask("post", path, {"model": self.server.model.name, **body}, read=read).result()

    def _rule(self, constraint: Constraint | None) -> RemoteRule | None:
        if constraint is None or isinstance(constraint, RemoteRule):
            return constraint
        raise ConfigError(
            f"a {type(constraint).__name__} is made for a model in this process; use what constrain() of this"
            " model makes"
        )

    def _rule_json(self, rule: RemoteRule | None, tool_use: ToolUse | None) -> Json:
        if rule is None:
            return {}
        if callable_tools(tool_use) and self.server.kind in {"llama-server", "vllm"}:
            raise UnsupportedParameter(
                f"{self.server.kind} holds an answer to a rule or reads calls in it, not both; leave out the"
                " tools or the rule"
            )
        return rule.wire

    def _conversation_json(
        self, messages: Sequence[Message], tool_use: ToolUse | None, *, reasoning: Reasoning, prefill: str
    ) -> Json:
        if not messages:
            raise ConfigError("the conversation is empty; give at least one message")
        kind = self.server.kind
        asked, begun = (messages, prefill) if prefill else take_begun_answer(messages)
        written = messages_json(asked, has_thoughts=kind != "unknown")
        body: Json = {"messages": written, **thoughts_json(reasoning, kind, is_begun=bool(begun))}
        if begun:
            if kind == "unknown":
                raise UnsupportedParameter(
                    f"{self.address} is not known to go on with a begun answer; end the conversation"
                    " with what is asked, and leave out prefill"
                )
            written.append({"role": "assistant", "content": begun})
            if kind != "gpt4all":
                body |= {"add_generation_prompt": False, "continue_final_message": True}
        if tool_use is not None and tool_use.tools:
            body |= tools_json(tool_use)
        return body

    def _streamed(self, body: Json) -> Json:
        model = {"model": self.server.model.name}
        return {**model, **body, "stream": True, "stream_options": {"include_usage": True}}


_TOKENS_A_MESSAGE = 8
"""What templates write around a message."""
