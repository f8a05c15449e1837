"""Prompts and texts made of a few hundred words: any length, never the same twice, equal everywhere."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks.engine.contender import Conversation


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ADJECTIVES = _words("old quiet narrow bright distant heavy green early careful broken warm hidden small")
_NOUNS = _words(
    "river engine teacher letter garden window captain market bridge forest doctor signal harbour"
)
_VERBS = _words("follows repairs describes crosses remembers measures paints visits carries answers studies")
_TOPICS = _words("fox lighthouse train violin baker glacier library comet beekeeper desert submarine clock")

SENTENCE_TOKENS = 11
"""Tokens of one made-up sentence in SmolLM2's vocabulary, about; rows report what they really sent."""


def story_request(seed: int) -> Conversation:
    """A short prompt with a long answer. Seeds differ from the first words on: nothing is shared."""
    topic = _TOPICS[seed % len(_TOPICS)]
    return (
        ("system", f"{seed}. You are a writer who tells long stories in plain words."),
        ("user", f"Write a long story about a {topic} and an {_noun(seed)}, with many details."),
    )


def story_requests(first_seed: int, count: int) -> tuple[Conversation, ...]:
    return tuple(story_request(first_seed + number) for number in range(count))


def counting_request() -> Conversation:
    """An answer of two thousand tokens and more, for a stream that others arrive beside."""
    return (("user", "Count from 1 to 1000, one number after the other: 1, 2, 3, 4, 5, 6, 7 and so on."),)


def long_conversation(seed: int, tokens: int) -> Conversation:
    """One question about a text of so many tokens, about."""
    return (
        ("system", f"{seed}. You answer questions about a text."),
        ("user", f"{passage(seed, tokens)}\n\nWhat is the text about?"),
    )


def next_turn(conversation: Conversation, answer: str) -> Conversation:
    """The same conversation with its answer and another short question."""
    return (*conversation, ("assistant", answer), ("user", "And what happens after that?"))


def passage(seed: int, tokens: int) -> str:
    """Made-up sentences, about so many tokens of them."""
    draw = random.Random(seed)
    return " ".join(_sentence(draw) for _ in range(max(1, tokens // SENTENCE_TOKENS)))


def texts(seed: int, *, count: int, tokens: int, corpus: Path | None = None) -> list[str]:
    """Texts to embed: of a BEIR `corpus.jsonl` if one is given, else made up."""
    if corpus is None:
        made_up = (passage(seed * count + number, tokens + SENTENCE_TOKENS) for number in range(count))
        return [" ".join(text.split()[: tokens * 10 // 11]) for text in made_up]  # full stops are tokens too
    rows = list(_corpus_texts(corpus))
    drawn = random.Random(seed).sample(rows, min(count, len(rows)))
    return [" ".join(text.split()[: max(1, tokens * 3 // 4)]) for text in drawn]  # 4 tokens in 3 words


def chatml(conversation: Conversation) -> str:
    """The prompt as SmolLM2's own template writes it, for contenders that take plain text."""
    turns = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in conversation)
    return f"{turns}<|im_start|>assistant\n"


def _sentence(draw: random.Random) -> str:
    subject, other, place = draw.choice(_NOUNS), draw.choice(_NOUNS), draw.choice(_NOUNS)
    return (
        f"The {draw.choice(_ADJECTIVES)} {subject} {draw.choice(_VERBS)}"
        f" the {draw.choice(_ADJECTIVES)} {other} near the {place}."
    )


def _noun(seed: int) -> str:
    return _NOUNS[seed * 7 % len(_NOUNS)]


def _corpus_texts(corpus: Path) -> Iterator[str]:
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"].strip()
            if text:
                yield text
