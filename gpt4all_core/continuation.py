"""A context and its continuation as tokens to be scored, cut where lm-evaluation-harness cuts them.

`TemplateLM._encode_pair` and `TemplateLM.loglikelihood` of version 0.4.13 are what is followed: which
tokens belong to which is what scores that are to be compared depend on.
"""

from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.errors import ConfigError, ContextOverflow
from gpt4all_core.open_model import OpenModel


def scored_text(
    context: str, continuation: str, opened: OpenModel, *, context_size: int, truncate: bool
) -> ScoredText:
    """The tokens of both, scored from where those of the context alone would end.

    Spaces at the end of the context are the continuation's, as most vocabularies have them with the
    word that follows. An empty context is the token that texts begin with, or the one that they end with.
    Raises ConfigError for a continuation without a token of its own; ContextOverflow for what does not
    fit, unless `truncate` lets tokens at the beginning be left out.
    """
    if not isinstance(context, str) or not isinstance(continuation, str):
        raise ConfigError(f"({context!r}, {continuation!r}) is no pair of a context and its continuation")
    before = context.rstrip()
    scored = context[len(before) :] + continuation
    if before:
        tokens, start = _encode(before + scored, opened), len(_encode(before, opened))
    else:
        tokens, start = _after_nothing(scored, opened)
    if start >= len(tokens):
        raise ConfigError(
            f"the continuation {continuation!r} adds no token to its context, so there is nothing to score"
        )
    dropped = max(len(tokens) - 1 - context_size, 0)
    if dropped and not truncate:
        raise ContextOverflow(
            len(tokens) - 1,
            context_size,
            hint="shorten the context, open the model with a larger context_size, or say truncate=True",
        )
    if dropped >= start:
        raise ContextOverflow(len(tokens) - start, context_size, hint="the continuation alone is too long")
    return ScoredText(tuple(tokens[dropped:]), start - dropped, dropped)


def _encode(text: str, opened: OpenModel) -> list[int]:
    """With the token that texts begin with, where the model wants one and the text does not spell it."""
    facts, tokens = opened.facts, opened.tokenize(text, parse_special=True)
    if facts.adds_bos and facts.bos is not None and tokens[:1] != [facts.bos]:
        return [facts.bos, *tokens]
    return tokens


def _after_nothing(text: str, opened: OpenModel) -> tuple[list[int], int]:
    facts, tokens = opened.facts, opened.tokenize(text, parse_special=True)
    first = facts.eos if facts.bos is None else facts.bos
    if first is None:
        raise ConfigError("this model has no token to begin a text with; give a context that is not empty")
    return (tokens if tokens[:1] == [first] else [first, *tokens]), 1
