"""The bundled embedder against vectors computed without llama.cpp (tools/make_minilm_reference.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.resolve import resolve_model
from gpt4all_core.embedder import LocalEmbedder

REFERENCE = json.loads((Path(__file__).parent / "minilm_reference.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def embedder():
    with LocalEmbedder("all-minilm-l6-v2") as embedder:
        yield embedder


@pytest.mark.parametrize("record", REFERENCE, ids=lambda record: record["text"][:20])
def test_vectors_are_those_of_the_float32_model(embedder, record):
    (vector,) = embedder.embed_documents([record["text"]])
    cosine = float(vector @ np.array(record["vector"], dtype=np.float32))
    # Eight-bit rounding averages out over tokens; "ok" has one beside the two special ones.
    assert cosine >= (0.999 if len(record["ids"]) > 3 else 0.998)


@pytest.mark.parametrize("record", REFERENCE, ids=lambda record: record["text"][:20])
def test_text_becomes_as_many_tokens_as_with_the_models_own_tokenizer(embedder, record):
    assert embedder.count_tokens(record["text"]) == len(record["ids"]) - 2


def test_the_bundled_file_holds_the_vocabulary_with_word_starts_marked():
    header = read_header(resolve_model("all-minilm-l6-v2"))
    tokens = header.metadata["tokenizer.ggml.tokens"].values()
    assert (tokens[0], tokens[101], tokens[102]) == ("[PAD]", "[CLS]", "[SEP]")
    assert "\N{LOWER ONE EIGHTH BLOCK}the" in tokens
    assert "ing" in tokens
    assert not [token for token in tokens if token.startswith("##") and len(token) > 2]
