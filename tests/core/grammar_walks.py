"""What a grammar lets through in a real vocabulary: given texts, and random walks through its masks."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from llguidance import LLMatcher

from gpt4all_core.chat.dialect import Dialect
from gpt4all_core.chat.output_grammar import output_grammar
from gpt4all_core.chat.tool_formats.markers import quoted
from gpt4all_core.chat.tool_formats.protocol import ToolFormat
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.types import Reasoning, Tool, ToolUse

STAND_INS = [
    "<empty_output>", "<file_sep>", "<filename>", "<gh_stars>", "<issue_closed>", "<issue_comment>",
    "<issue_start>", "<jupyter_code>", "<jupyter_output>", "<jupyter_script>", "<jupyter_start>",
]  # fmt: skip
"""Special tokens of the starter model that stand for those of other models."""

_ENDS = ("<|im_end|>", "<|endoftext|>")
_MANY = 2000
"""Allowed tokens beyond which a walk is inside free text, and would stay there for long."""


@dataclass
class Ruled:
    """The grammar of a format's answers. has_tokens: its markers are special tokens."""

    weights: LlamaWeights
    tool_format: ToolFormat
    tools: Sequence[Tool]
    choice: str = "required"
    is_parallel: bool = True
    has_tokens: bool = False
    reasoning: Reasoning = field(default_factory=Reasoning)
    answer: str | None = None

    def accepts(self, text: str) -> bool:
        matcher = self._matcher.deep_copy()
        tokens = self._tokens(text)
        return matcher.validate_tokens(tokens) == len(tokens) and self._ends_after(matcher, tokens)

    def begins(self, text: str) -> bool:
        tokens = self._tokens(text)
        return self._matcher.deep_copy().validate_tokens(tokens) == len(tokens)

    def walk(self, draw: random.Random, *, hints: Sequence[str], most_tokens: int = 300) -> str | None:
        """A text made of tokens drawn from the masks; None if it had not ended after so many.

        hints: texts that end what would otherwise go on.
        """
        matcher = self._matcher.deep_copy()
        tokens: list[int] = []
        while len(tokens) < most_tokens:
            if matcher.is_accepting() and draw.random() < 0.5:
                return self._text(tokens)
            allowed = self._allowed(matcher)
            if not len(allowed):
                return self._text(tokens) if matcher.is_accepting() else None
            steps = [int(draw.choice(allowed))]
            if len(allowed) > _MANY and draw.random() < 0.6:
                steps = self._tokens(draw.choice(hints))
            for token in steps:
                if matcher.validate_tokens([token]) != 1:
                    break
                assert matcher.consume_token(token), matcher.get_error()
                tokens.append(token)
        return None

    @cached_property
    def _matcher(self) -> LLMatcher:
        lark = output_grammar(
            Dialect(self.tool_format, "preset"),
            ToolUse(tuple(self.tools), self.choice, is_parallel=self.is_parallel),
            reasoning=self.reasoning,
            opens_thought=False,
            answer=self.answer,
            spell=lambda marker: self._stand_ins.get(marker) or quoted(marker),
        )
        assert lark is not None
        tokenizer = self.weights.constraint_tokenizer()
        matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(lark), log_level=0)
        assert not matcher.is_error(), f"{matcher.get_error()}\n{lark}"
        return matcher

    @cached_property
    def _stand_ins(self) -> dict[str, str]:
        markers = sorted(self.tool_format.markers) if self.has_tokens else []
        assert len(markers) <= len(STAND_INS)
        return dict(zip(markers, STAND_INS, strict=False))

    @cached_property
    def _ends(self) -> frozenset[int]:
        return frozenset(self.weights.tokenize("".join(_ENDS), parse_special=True))

    def _tokens(self, text: str) -> list[int]:
        for marker in sorted(self._stand_ins, key=len, reverse=True):
            text = text.replace(marker, self._stand_ins[marker])
        return self.weights.tokenize(text, parse_special=self.has_tokens)

    def _text(self, tokens: Sequence[int]) -> str:
        special = {
            self.weights.tokenize(text, parse_special=True)[0]: marker.encode()
            for marker, text in self._stand_ins.items()
        }
        data = b"".join(special.get(token) or self.weights.piece(token) for token in tokens)
        return data.decode("utf-8", "replace")

    def _allowed(self, matcher: LLMatcher) -> list[int]:
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: self.weights.vocabulary_size].nonzero()[0]
        return [token for token in allowed.tolist() if token not in self._ends]

    @staticmethod
    def _ends_after(matcher: LLMatcher, tokens: Sequence[int]) -> bool:
        return all(matcher.consume_token(token) for token in tokens) and matcher.is_accepting()
