"""A rendered prompt as the engine takes it: token ids, and the pictures among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gpt4all_core.chat.template import Segment
from gpt4all_core.engine.image_rows import ImageRows
from gpt4all_core.open_model import OpenModel


@dataclass(frozen=True, slots=True)
class Prompt:
    """tokens: ids, negative ones for the rows of pictures. images: these, by where they begin."""

    tokens: list[int]
    images: Mapping[int, ImageRows] = field(default_factory=dict)


def prompt_of(segments: Sequence[Segment], opened: OpenModel) -> Prompt:
    """Reads the pictures, which may take seconds. Raises what `OpenModel.read_image` does."""
    facts = opened.facts
    start = [facts.bos] if facts.adds_bos and facts.bos is not None else []
    tokens = list(start)
    images: dict[int, ImageRows] = {}
    for segment in segments:
        if segment.image is not None:
            picture = opened.read_image(segment.image.data)
            images |= picture.rows_at(len(tokens))
            tokens.extend(picture.tokens)
            continue
        for text in _readable_parts(segment):
            read = opened.tokenize(text, parse_special=not segment.is_literal)
            if tokens == start and read[:1] == start:
                tokens = []  # the template has written it too
            tokens.extend(read)
    return Prompt(tokens if tokens != start else [], images)


def _readable_parts(segment: Segment) -> tuple[str, ...]:
    """A literal is the text of a special token. llama.cpp reads added ones (`<think>`) even where it
    was told not to, so a literal is cut behind its first character.
    """
    return (segment.text[:1], segment.text[1:]) if segment.is_literal else (segment.text,)
