import pytest
from llama_index.core.node_parser import SentenceSplitter, TokenTextSplitter

import langchain_gpt4all
import llamaindex_gpt4all
from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.splitter import Splitter, locate_passages

TEXT = "The first sentence stands here. The second one follows.\n\nA paragraph comes, and ends the text."


class Sentences:
    """Has what LangChain's TextSplitter has."""

    def __init__(self, size: int = 40):
        self._chunk_size = size
        self._length_function = len
        self._separators = {". ", "\n"}

    def split_text(self, text: str) -> list[str]:
        return [text[start : start + self._chunk_size] for start in range(0, len(text), self._chunk_size)]


def of_langchain(size: int = 40, **options) -> Splitter:
    return langchain_gpt4all.LocalDocsSplitter(Sentences(size), **options)


def of_llamaindex(size: int = 40, **options) -> Splitter:
    parser = TokenTextSplitter(chunk_size=size, chunk_overlap=0, tokenizer=list)
    return llamaindex_gpt4all.LocalDocsSplitter(parser, **options)


BOTH = pytest.mark.parametrize("make", [of_langchain, of_llamaindex])


@BOTH
def test_what_a_framework_splits_stands_in_the_text(make):
    spans = locate_passages(TEXT, make())
    assert len(spans) > 2
    assert "".join("".join(TEXT[slice(*span)].split()) for span in spans) == "".join(TEXT.split())


@BOTH
def test_the_identity_follows_from_the_settings_or_is_given(make):
    assert make().identity == make().identity
    assert make(40).identity != make(50).identity
    assert "0x" not in make().identity
    assert make(identity="mine").identity == "mine"
    with pytest.raises(ConfigError, match="names nothing"):
        make(identity="")


@pytest.mark.parametrize("adapter", [langchain_gpt4all, llamaindex_gpt4all])
def test_what_does_not_split_is_refused(adapter):
    with pytest.raises(ConfigError, match="splitter=7 "):
        adapter.LocalDocsSplitter(7)


def test_a_sentence_splitter_of_llamaindex_is_located_through_overlaps():
    parser = SentenceSplitter.from_defaults(
        chunk_size=12,
        chunk_overlap=6,
        tokenizer=str.split,
        chunking_tokenizer_fn=lambda text: text.split("  "),
    )
    text = " ".join(f"Sentence number {number} stands here." for number in range(12))
    spans = locate_passages(text, llamaindex_gpt4all.LocalDocsSplitter(parser))
    assert (spans[0][0], spans[-1][1]) == (0, len(text))
