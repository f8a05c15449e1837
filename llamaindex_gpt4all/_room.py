"""How much of a model's window an engine over documents may fill, and with what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from llama_index.core.constants import DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.llm import LLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from llama_index.core.utils import get_tokenizer
from pydantic import Field

from gpt4all_core.errors import ConfigError
from llamaindex_gpt4all.llms import GPT4All

_PROMPT_TOKENS = 256
"""What LlamaIndex says around a question and its passages (120 tokens at most, by SmolLM2's tokenizer),
and what the model's template adds to it."""

_SMALLEST_ROOM = 256
"""A passage of LocalDocs is not longer."""

Tokenizer = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Room:
    """What is free for passages, and for a conversation, once prompt and answer have their place.

    tokens: of the model, as its own tokenizer counts where the model is a GPT4All; for others,
    `Settings.tokenizer` does. answer_tokens: kept free for an answer.
    """

    window: int
    answer_tokens: int
    tokens: int
    tokenizer: Tokenizer

    @classmethod
    def of(cls, llm: LLM, *, around_tokens: int = 0, system_prompt: str = "") -> Self:
        """around_tokens: to keep free for more than LlamaIndex's prompt and the model's template.

        Raises ConfigError where answer and prompt leave no room for a passage.
        """
        metadata = llm.metadata
        tokenizer = llm.as_tokenizer() if isinstance(llm, GPT4All) else get_tokenizer()
        # LlamaIndex writes -1 for "as many as fit".
        answer = metadata.num_output if metadata.num_output > 0 else DEFAULT_NUM_OUTPUTS
        around = _PROMPT_TOKENS + around_tokens + (len(tokenizer(system_prompt)) if system_prompt else 0)
        tokens = metadata.context_window - answer - around
        if tokens < _SMALLEST_ROOM:
            raise ConfigError(
                f"an answer of {answer} tokens and a prompt of {around} leave {max(tokens, 0)} of the"
                f" {metadata.context_window} that {metadata.model_name} has for passages, and those take"
                f" {_SMALLEST_ROOM} or more; give a smaller max_tokens or a larger context_size"
            )
        return cls(metadata.context_window, answer, tokens, tokenizer)


class PassagesThatFit(BaseNodePostprocessor):
    """Leaves out passages that a prompt has no room for, and those whose words it has already.

    The best is always in; if it alone is too long, LlamaIndex's synthesizer cuts or splits it.
    """

    budget_tokens: int
    """Of question and passages together."""

    tokenizer: Tokenizer = Field(exclude=True)
    """Called from any thread."""

    @classmethod
    def class_name(cls) -> str:
        return "GPT4AllPassagesThatFit"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        left = self.budget_tokens - (len(self.tokenizer(query_bundle.query_str)) if query_bundle else 0)
        fitting: list[NodeWithScore] = []
        texts: set[str] = set()
        for node in nodes:
            if (text := node.node.get_content(MetadataMode.NONE)) in texts:
                continue
            # With the empty line that LlamaIndex puts between passages.
            cost = len(self.tokenizer(node.node.get_content(MetadataMode.LLM) + "\n\n"))
            if fitting and cost > left:
                continue
            fitting.append(node)
            texts.add(text)
            left -= cost
        return fitting
