"""Choose what a prompt has room for: passages, whole documents, turns of the conversation. Pure."""

from collections.abc import Callable, Sequence

from gpt4all_core.types import Message
from gpt4all_localdocs.narrow import cut
from gpt4all_localdocs.types import Hit


def pack_hits(hits: Sequence[Hit], *, budget_tokens: int, tokens_of: Callable[[Hit], int]) -> tuple[Hit, ...]:
    """The best hits that fit into the budget together, in the order of their rank.

    tokens_of: what a hit costs as it stands in the prompt, its label included.
    A hit that does not fit is left out and the next ones are tried; one that repeats a passage
    already packed (a copy of a file) is left out too. The best hit is always in: that it alone is
    too long for the context is for the model to say, with numbers.
    """
    packed: list[Hit] = []
    texts: set[str] = set()
    left = budget_tokens
    for hit in hits:
        if hit.text in texts:
            continue
        cost = tokens_of(hit)
        if packed and cost > left:
            continue
        packed.append(hit)
        texts.add(hit.text)
        left -= cost
    return tuple(packed)


def pack_documents(
    documents: Sequence[Sequence[Hit]], *, budget_tokens: int, tokens_of: Callable[[Hit], int]
) -> tuple[Hit, ...]:
    """All of these documents, each given by its passages in order, if they fit; otherwise nothing.

    They come in the order of their paths, whichever was found first, so that the prompts of two questions
    about the same documents begin alike. What two passages share is there once.
    """
    pieces: list[Hit] = []
    left = budget_tokens
    for passages in sorted(documents, key=lambda passages: (str(passages[0].path), passages[0].text_id)):
        for piece in without_overlap(passages):
            left -= tokens_of(piece)
            if left < 0:
                return ()
            pieces.append(piece)
    return tuple(pieces)


def without_overlap(passages: Sequence[Hit]) -> list[Hit]:
    """A document's passages in order, each without what the ones before it have already said.

    Every piece keeps its exact place. One that says nothing new is left out.
    """
    pieces: list[Hit] = []
    reached = 0
    for passage in passages:
        start = max(passage.span[0], reached)
        if passage.text[start - passage.span[0] :].strip():
            pieces.append(cut(passage, start - passage.span[0], len(passage.text)))
            reached = passage.span[1]
    return pieces


def recent_turns(
    history: Sequence[Message], *, budget_tokens: int, count_tokens: Callable[[str], int]
) -> tuple[Message, ...]:
    """The latest turns that fit, beginning with one of the user's; system messages and tools are left out."""
    turns: list[Message] = []
    left = budget_tokens
    for message in reversed([turn for turn in history if turn.role in ("user", "assistant") and turn.text]):
        left -= count_tokens(message.text) + 8  # what a template puts around a turn
        if left < 0:
            break
        turns.insert(0, Message(message.role, message.text))
    while turns and turns[0].role != "user":
        del turns[0]
    return tuple(turns)
