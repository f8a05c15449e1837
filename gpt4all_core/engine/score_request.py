"""A request for scores, checked, and as the sequence that the engine's thread serves."""

from collections.abc import Sequence as ListOf

from gpt4all_core.engine.backend import AdapterSet
from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Mailbox
from gpt4all_core.engine.sampling import Sampler
from gpt4all_core.engine.score_tree import ScoredText, ScoreTree
from gpt4all_core.engine.sequence import Sequence
from gpt4all_core.errors import ConfigError, ContextOverflow
from gpt4all_core.types import GenerationParams, Loglikelihood

_WRITES_NOTHING = GenerationParams(max_tokens=0, prompt_lookup=False)


def check_texts(texts: ListOf[ScoredText], *, vocabulary_size: int, context_size: int) -> None:
    """Raise ConfigError for texts that cannot be scored, ContextOverflow for one that does not fit."""
    if not texts:
        raise ConfigError("there are no texts to score; give at least one")
    for text in texts:
        if not 0 < text.start < len(text.tokens):
            raise ConfigError(
                f"of {len(text.tokens)} tokens those from {text.start} on cannot be scored; at least one"
                " token must stand before what is scored, and one in it"
            )
        if min(text.tokens) < 0 or max(text.tokens) >= vocabulary_size:
            raise ConfigError(f"a token id is outside the vocabulary of {vocabulary_size}")
        if len(text.tokens) - 1 > context_size:  # the last one is looked up, not decoded
            raise ContextOverflow(len(text.tokens) - 1, context_size)


def scoring_sequence(
    number: int,
    texts: ListOf[ScoredText],
    *,
    mailbox: Mailbox[tuple[Loglikelihood, ...]],
    adapters: AdapterSet,
    timeout_s: float | None,
) -> Sequence:
    """The sequence that decodes texts one after the other; see `check_texts` for what they must be."""
    tree = ScoreTree(texts)
    tokens = list(tree.tokens)
    return Sequence(
        number=number,
        tokens=tokens,
        params=_WRITES_NOTHING,
        limit=tree.longest,
        mailbox=mailbox,
        sampler=Sampler(_WRITES_NOTHING),
        text=TextStream(()),
        adapters=adapters,
        timeout_s=timeout_s,
        prompt_length=len(tokens),
        scoring=tree,
    )
