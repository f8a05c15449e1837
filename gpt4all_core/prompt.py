"""A rendered prompt as the engine takes it: token ids, and the pictures and sounds among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gpt4all_core.chat.template import Segment
from gpt4all_core.engine.image_rows import ImageRows, PromptImage
from gpt4all_core.open_model import OpenModel
from gpt4all_core.types import Image, Media


@dataclass(frozen=True, slots=True)
class Prompt:
    """tokens: ids, negative ones for rows of pictures and sounds. images: these, by where they begin."""

    tokens: list[int]
    images: Mapping[int, ImageRows] = field(default_factory=dict)


def prompt_of(segments: Sequence[Segment], opened: OpenModel) -> Prompt:
    """Reads the pictures and sounds, which may take seconds. Raises what `read_media` does."""
    facts = opened.facts
    start = [facts.bos] if facts.adds_bos and facts.bos is not None else []
    tokens = list(start)
    images: dict[int, ImageRows] = {}
    for segment in segments:
        if segment.media is not None:
            read_in = read_media(segment.media, opened)
            images |= read_in.rows_at(len(tokens))
            tokens.extend(read_in.tokens)
            continue
        for text in _readable_parts(segment):
            read = opened.tokenize(text, parse_special=not segment.is_literal)
            if tokens == start and read[:1] == start:
                tokens = []  # the template has written it too
            tokens.extend(read)
    return Prompt(tokens if tokens != start else [], images)


def read_media(media: Media, opened: OpenModel) -> PromptImage:
    """What a model reads for it. Raises what `OpenModel.read_image` and `OpenModel.read_audio` do."""
    return opened.read_image(media.data) if isinstance(media, Image) else opened.read_audio(media.data)


def _readable_parts(segment: Segment) -> tuple[str, ...]:
    """A literal is the text of a special token. llama.cpp reads added ones (`<think>`) even where it
    was told not to, so a literal is cut behind its first character.
    """
    return (segment.text[:1], segment.text[1:]) if segment.is_literal else (segment.text,)
