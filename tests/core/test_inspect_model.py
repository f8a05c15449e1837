"""What is told of a file before it is opened."""

import ctypes
import re
import struct
from pathlib import Path

import pytest
from adapter_writing import RANK, adapter_bytes
from chat_templates import CHATML, HERMES
from gguf_writing import F16, gguf_bytes, number, sound_metadata, text, texts
from tiny_models import write_tiny_model

from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.catalog.verify_file import verify_file
from gpt4all_core.engine.llama.contexts import ContextOptions, context_params
from gpt4all_core.engine.llama.library import api, log
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import ChecksumMismatch, ModelLoadError
from gpt4all_core.inspect_model import inspect_file
from gpt4all_core.model_memory import CacheShape, kv_layer_bytes, state_bytes

STARTER, EMBEDDER = "smollm2-135m-instruct", "all-minilm-l6-v2"


@pytest.fixture
def write(tmp_path):
    def write_file(content: bytes, name: str = "model.gguf") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


def test_the_starter_is_told_by_its_header():
    facts = inspect_file(installed_path(find(STARTER)))
    assert (facts.kind, facts.architecture, facts.licence) == ("model", "llama", "apache-2.0")
    assert (facts.parameters, facts.active_parameters, facts.parts) == (134_515_008, 134_515_008, 1)
    assert [(share.type, share.tensors) for share in facts.types] == [("Q4_1", 210), ("Q8_0", 1), ("F32", 61)]
    assert sum(share.share for share in facts.types) == pytest.approx(1)
    assert (facts.template.source, facts.template.tool_format) == ("file", "prompted")
    assert facts.unused_bytes == 0


def test_memory_is_told_for_contexts_that_the_model_was_trained_for():
    needs = inspect_file(installed_path(find(STARTER))).memory
    assert [(need.context_tokens, need.kv_type) for need in needs] == [
        (context, kind) for context in (2048, 4096, 8192) for kind in ("f16", "q8_0")
    ]
    # Twice the context: see CELLS_PER_TOKEN. llama.cpp says 180.00 MiB for 8,192 cells.
    assert next(need.kv for need in needs if need.context_tokens == 4096) == 180 * 2**20


def test_an_encoder_keeps_no_cells_and_has_no_row_of_logits_for_each_token():
    (need,) = inspect_file(installed_path(find(EMBEDDER))).memory
    assert (need.context_tokens, need.kv) == (512, 0)
    # "CPU compute buffer size = 5.76 MiB", says llama.cpp 0.3.36.
    assert 5.76 <= need.compute / 2**20 <= 1.05 * 5.76


@pytest.mark.parametrize("memory", ["plain", "sliding", "recurrent", "hybrid"])
def test_cells_and_states_are_what_llama_cpp_takes(tmp_path, memory):
    path = write_tiny_model(tmp_path / "tiny.gguf", memory)
    header, sequences = read_header(path), 5
    said = _context_log(path, ContextOptions(4096, sequences, 64, 1))
    cells = sum(_mebibytes(said, r"KV buffer size = +([\d.]+) MiB"))
    states = sum(_mebibytes(said, r"RS buffer size = +([\d.]+) MiB"))
    assert sum(kv_layer_bytes(header, CacheShape(4096))) / 2**20 == pytest.approx(cells, abs=0.01)
    assert sequences * state_bytes(header) / 2**20 == pytest.approx(states, abs=0.01)
    assert cells + states > 0


def _context_log(path: Path, options: ContextOptions) -> str:
    """What llama.cpp says while it makes a context."""
    lines: list[bytes] = []
    keep = api.llama_log_callback(lambda _level, line, _user: lines.append(line))
    weights = LlamaWeights(path)
    try:
        api.llama_log_set(keep, ctypes.c_void_p())
        params = context_params(options)
        params.kv_unified = True
        api.llama_free(api.llama_init_from_model(weights.handle, params))
    finally:
        log.install()
        weights.close()
    return b"".join(lines).decode()


def _mebibytes(said: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, said)]


@pytest.mark.parametrize(
    ("template", "tool_format", "known_from"),
    [(CHATML, "prompted", "prompted"), (HERMES, "hermes", "inferred")],
)
def test_the_tool_format_is_told_from_what_the_template_writes(write, template, tool_format, known_from):
    facts = inspect_file(write(gguf_bytes(sound_metadata() | {"tokenizer.chat_template": text(template)})))
    assert (facts.template.tool_format, facts.template.known_from) == (tool_format, known_from)


def test_a_template_that_cannot_be_used_says_why(write):
    broken = sound_metadata() | {"tokenizer.chat_template": text("{% for m in messages %}")}
    assert "template" in inspect_file(write(gguf_bytes(broken))).template.fault


def test_a_mixture_computes_with_some_of_its_experts(write):
    metadata = sound_metadata() | {
        "llama.expert_count": number("UINT32", 8),
        "llama.expert_used_count": number("UINT32", 2),
    }
    tensors = (("token_embd.weight", (8, 4), 0), ("blk.0.ffn_up_exps.weight", (8, 8, 8), 0))
    facts = inspect_file(write(gguf_bytes(metadata, tensors=tensors)))
    assert (facts.experts_used, facts.experts) == (2, 8)
    assert (facts.parameters, facts.active_parameters) == (32 + 512, 32 + 128)


def test_an_adapter_is_told_apart_from_a_model(write):
    facts = inspect_file(write(adapter_bytes()))
    assert (facts.kind, facts.rank, facts.memory, facts.template) == ("adapter", RANK, (), None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html>", "HTML"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**20, 2**16), "incomplete or damaged"),
        (gguf_bytes()[:-8], "incomplete"),
        (gguf_bytes({"general.architecture": text("unheard-of")}), "does not know"),
    ],
    ids=["no GGUF", "huge counts", "counts without content", "cut short", "unknown architecture"],
)
def test_what_cannot_be_loaded_is_an_error_that_says_so(write, content, message):
    with pytest.raises(ModelLoadError, match=message):
        inspect_file(write(content))


def test_a_list_of_strings_that_claims_more_than_the_file_has_is_not_read(write):
    whole = gguf_bytes({"general.architecture": text("llama"), "tokenizer.ggml.tokens": texts(["a", "b"])})
    count = whole.index(struct.pack("<IIQ", 9, 8, 2)) + 8
    hostile = whole[:count] + struct.pack("<Q", 1 << 21) + whole[count + 8 :]
    with pytest.raises(ModelLoadError, match="incomplete or damaged"):
        inspect_file(write(hostile))


def test_a_hash_is_compared_with_the_catalogs():
    digest = verify_file(installed_path(find(EMBEDDER)), find(EMBEDDER))
    assert (digest.value, digest.source) == (find(EMBEDDER).sha256, "catalog")


def test_a_hash_is_compared_with_the_name_that_the_hubs_cache_gives_a_file(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    content = b"weights"
    sha256 = "9ca6d1b0b8d9c9c52d1c4eff2cb6ab8a7c3f5b2d7a6a4de0a8e9ba8bd0a3bb1c"
    (blobs / sha256).write_bytes(content)
    (snapshot / "model.gguf").symlink_to(blobs / sha256)
    with pytest.raises(ChecksumMismatch, match="the Hugging Face Hub says 9ca6d1"):
        verify_file(snapshot / "model.gguf", None)
    assert (snapshot / "model.gguf").exists()


def test_a_file_that_nobody_knows_is_hashed_and_said_to_be_unknown(write):
    digest = verify_file(write(gguf_bytes(), name="mine.gguf"), None)
    assert (digest.algorithm, digest.source, len(digest.value)) == ("sha256", None, 64)


def test_types_and_their_shares_are_by_parameters(write):
    tensors = (("token_embd.weight", (8, 4), 0), ("blk.0.ffn_up.weight", (8, 12), F16))
    shares = inspect_file(write(gguf_bytes(tensors=tensors))).types
    assert [(share.type, share.share, share.size_bytes) for share in shares] == [
        ("F16", 0.75, 192),
        ("F32", 0.25, 128),
    ]
