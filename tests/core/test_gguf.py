import ctypes
import importlib.metadata
import importlib.util
import math
import os
import random
import struct
import tracemalloc
from pathlib import Path

import pytest
from gguf_writing import SOUND_TENSORS, gguf_bytes, number, numbers, sound_metadata, text, texts
from measured import quickly

from gpt4all_core.catalog import gguf_check
from gpt4all_core.catalog.catalog import find
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_check import check_loadable
from gpt4all_core.catalog.gguf_header import GGUFArray
from gpt4all_core.catalog.gguf_tables import ARCHITECTURES, LLAMA_CPP_PYTHON_VERSION, TENSOR_TYPES
from gpt4all_core.catalog.store import installed_path
from gpt4all_core.errors import ModelLoadError


@pytest.fixture
def write(tmp_path):
    def write_file(content: bytes, name: str = "model.gguf") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


def with_metadata(**changes):
    """Sound metadata with keys replaced, or removed where the value is None; `__` stands for a dot."""
    metadata = sound_metadata()
    for key, value in changes.items():
        name = key.replace("__", ".")
        if value is None:
            del metadata[name]
        else:
            metadata[name] = value
    return metadata


def library(name):
    folder = Path(importlib.util.find_spec("llama_cpp").origin).parent / "lib"
    found = sorted(
        [*folder.glob(f"*{name}.so"), *folder.glob(f"*{name}.dylib"), *folder.glob(f"*{name}.dll")]
    )
    if not found:
        pytest.skip(f"{folder} holds no library {name}")
    return found[0]


def test_an_architecture_of_experts_without_any_is_refused(write):
    metadata = {key.replace("llama.", "llada-moe."): value for key, value in sound_metadata().items()}
    metadata["general.architecture"] = text("llada-moe")
    with pytest.raises(ModelLoadError, match="expert_count is missing, and the model is made of experts"):
        check_loadable(write(gguf_bytes(metadata)))


def test_a_mamba_of_another_width_than_llama_cpp_knows_is_refused(write):
    metadata = {key.replace("llama.", "mamba."): value for key, value in sound_metadata().items()}
    metadata |= {"general.architecture": text("mamba"), "mamba.ssm.inner_size": number("UINT32", 8)}
    with pytest.raises(ModelLoadError, match="inner_size is 8; it must be 16"):
        check_loadable(write(gguf_bytes(metadata)))


def test_tokens_that_are_no_text_are_compared_by_their_bytes(write):
    lists = [b"\xff", b"\xfe", b"a", b"b"]
    raw = struct.pack("<IIQ", 9, 8, 4) + b"".join(struct.pack("<Q", len(item)) + item for item in lists)
    header = check_loadable(write(gguf_bytes(with_metadata(tokenizer__ggml__tokens=raw))))
    assert header.metadata["tokenizer.ggml.tokens"].byte_strings() == lists


def test_a_sound_file_is_read_and_accepted(write):
    header = check_loadable(write(gguf_bytes()))
    assert (header.architecture, header.name, header.licence) == ("llama", "Tiny", "mit")
    assert (header.context_length, header.embedding_length, header.block_count) == (128, 8, 1)
    assert (header.vocabulary_size, header.parameter_count, header.quantisation) == (4, 40, "F32")
    assert header.chat_template == "{{ messages }}"
    assert header.pooling is None
    assert [(tensor.name, tensor.shape) for tensor in header.tensors] == [t[:2] for t in SOUND_TENSORS]


def test_version_2_is_accepted(write):
    assert check_loadable(write(gguf_bytes(version=2))).version == 2


def test_lists_stay_in_the_file_until_they_are_asked_for(write):
    metadata = read_header(write(gguf_bytes())).metadata
    tokens = metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, GGUFArray)
    assert (tokens.element_type, tokens.count) == ("STRING", 4)
    assert tokens.values() == ["<s>", "a", "b", "\N{LOWER ONE EIGHTH BLOCK}c"]
    assert metadata["tokenizer.ggml.scores"].values() == [0.0, -1.0, -2.0, -3.0]


def test_the_quantisation_is_that_of_most_weights_where_the_file_does_not_say(write):
    metadata = with_metadata(general__file_type=None)
    tensors = (("token_embd.weight", (8, 4), 1), ("output_norm.weight", (8,), 0))
    content = gguf_bytes(metadata, tensors=tensors)
    assert read_header(write(content)).quantisation == "F16"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is an HTML page, not a model; the download was probably redirected"),
        (b'\n {"error": "not found"}', "is JSON text"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git LFS pointer"),
        (b"lmgg" + bytes(64), "is an old GGML file"),
        (b"tjgg\x03\0\0\0", "is an old GGML file"),
        (b"PK\x03\x04", "PyTorch checkpoint"),
        (b'\x40\0\0\0\0\0\0\0{"__metadata__"', "is a safetensors file"),
        (b"\x7fELF", "begins with b'\\x7fELF'"),
        (gguf_bytes(version=1), "version 1"),
        (gguf_bytes(version=4), "version 4; versions 2 and 3"),
        (gguf_bytes(version=3 << 24), "big-endian"),
        (gguf_bytes()[:20], "expected at least 24 bytes"),
        (gguf_bytes(counts=(2, 2**63)), "claims 2 tensors"),
        (gguf_bytes(counts=(2**40, 1)), "claims 1099511627776 tensors"),
    ],
)
def test_a_file_that_is_no_gguf_is_named_for_what_it_is(write, content, message):
    path = write(content)
    with pytest.raises(ModelLoadError) as caught:
        check_loadable(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (with_metadata(general__architecture=None), "does not say what architecture"),
        (with_metadata(general__architecture=text("lama9")), "architecture 'lama9'"),
        (with_metadata(general__architecture=text("clip")), "vision projector"),
        (with_metadata(general__type=text("adapter")), "'adapter', not a model"),
        (
            with_metadata(llama__block_count=number("UINT32", 999)),
            "llama.block_count is 999; it must be from 1",
        ),
        (with_metadata(llama__block_count=None), "llama.block_count is missing"),
        (with_metadata(llama__block_count=text("1")), "llama.block_count is 1; it must be"),
        (with_metadata(llama__embedding_length=number("UINT32", 0)), "embedding_length is 0"),
        (with_metadata(llama__attention__head_count=number("INT32", -2)), "head_count is -2"),
        (with_metadata(llama__attention__head_count=numbers("INT32", [0, 0])), "head_count is a list"),
        (with_metadata(llama__expert_count=number("UINT32", 2000)), "expert_count is 2000"),
        (with_metadata(llama__expert_used_count=number("UINT32", 2)), "expert_used_count is 2, of 0"),
        (with_metadata(llama__expert_count=number("UINT32", 4)), "expert_used_count is 0, of 4"),
        (
            with_metadata(
                llama__expert_count=number("UINT32", 4),
                llama__expert_used_count=numbers("UINT32", [2]),
                llama__expert_group_count=number("UINT32", 3),
            ),
            "uses 0 of 3 groups of its 4 experts",
        ),
        (with_metadata(llama__rope__scaling__type=text("spiral")), "'spiral'; known are linear"),
        (with_metadata(llama__nextn_predict_layers=number("UINT32", 3)), "nextn_predict_layers is 3"),
        (with_metadata(llama__attention__layer_norm_rms_epsilon=number("FLOAT32", -1.0)), "epsilon is -1.0"),
        (with_metadata(llama__attention__layer_norm_epsilon=number("FLOAT32", math.nan)), "epsilon is nan"),
        (with_metadata(llama__pooling_type=number("UINT32", 9)), "pooling_type is 9; known are 0, 1"),
        (with_metadata(llama__rope__dimension_count=number("UINT32", 7)), "dimension_count is 7; it must be"),
        (with_metadata(tokenizer__ggml__tokens=None), "has no vocabulary"),
        (with_metadata(tokenizer__ggml__tokens=text("abcd")), "has no vocabulary"),
        (with_metadata(tokenizer__ggml__model=text("none")), "model is 'none'; known are bert, gemma4"),
        (with_metadata(tokenizer__ggml__model=text("rwkv")), "'rwkv' in a model of the architecture 'llama'"),
        (with_metadata(tokenizer__ggml__model=text("llama")), "has no token for the byte 0x00"),
        (
            with_metadata(tokenizer__ggml__model=text("bert")),
            "seperator_token_id is None, which is none of its 4",
        ),
        (
            with_metadata(tokenizer__ggml__bos_token_id=number("UINT32", 4)),
            "bos_token_id is 4, which is none",
        ),
        (
            with_metadata(tokenizer__ggml__add_eos_token=number("BOOL", True)),
            "eos_token_id is None, which is",
        ),
        (with_metadata(tokenizer__ggml__tokens=texts(["a", "b", "c", "b"])), "tokens 1 and 3 are both 'b'"),
        (
            with_metadata(tokenizer__ggml__tokens=texts(["", "b", "c", "[EMPTY_0]"])),
            "tokens 0 and 3 are both",
        ),
        (
            with_metadata(tokenizer__ggml__token_type=numbers("INT32", [3, 6, 1, 1])),
            "token 'a' is said to be a",
        ),
        (with_metadata(tokenizer__ggml__tokens=numbers("INT32", [1, 2, 3, 4])), "must be of STRING"),
        (with_metadata(tokenizer__ggml__tokens=texts(["a"])), "has 1 tokens but token embeddings for 4"),
        (with_metadata(tokenizer__ggml__scores=numbers("INT8", [0] * 4)), "scores is of type INT8"),
        (with_metadata(tokenizer__ggml__token_type=numbers("INT8", [1] * 4)), "token_type is of type INT8"),
        (with_metadata(tokenizer__ggml__token_type=numbers("INT32", [1])), "token_type has 1 elements for 4"),
        (with_metadata(tokenizer__chat_template=text("x" * 300_000)), "chat template has 300000"),
        (with_metadata(general__alignment=number("UINT32", 24)), "general.alignment is 24"),
        (with_metadata(general__alignment=number("UINT32", 1 << 31)), "general.alignment is 2147483648"),
    ],
)
def test_impossible_metadata_is_refused_before_llama_cpp_sees_it(write, metadata, message):
    with pytest.raises(ModelLoadError) as caught:
        check_loadable(write(gguf_bytes(metadata)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ((("a", (0, 4), 0),), "dimension of zero"),
        ((("a", (2**62, 2**62), 0),), "size overflows"),
        ((("a", (8,), 4),), "type 4, which llama.cpp does not know"),
        ((("a", (8,), 999),), "type 999"),
        ((("a", (8,), 8),), "rows of 8 numbers, but Q8_0 packs 32"),
        ((("blk.0.attn_q.weight", (8, 8), 24),), "has type I8, in which there are no weights"),
        ((("blk.0.attn_q.weight", (32, 8), 9),), "has type Q8_1, in which there are no weights"),
        ((("blk.0.attn_norm.weight", (32,), 1),), "has type F16; it must be F32"),
        ((("blk.0.ssm_conv1d.weight", (32, 4), 8),), "has type Q8_0; it must be F32"),
        ((("a", (1, 1, 1, 1, 1), 0),), "5 dimensions"),
        ((("a" * 64, (8,), 0),), "claims 64 bytes, more than 63"),
        ((("a", (8,), 0), ("a", (8,), 0)), "two tensors named 'a'"),
        ((), "has no weights"),
    ],
)
def test_impossible_tensors_are_refused(write, tensors, message):
    with pytest.raises(ModelLoadError) as caught:
        check_loadable(write(gguf_bytes(tensors=tensors, data=bytes(1024))))
    assert message in str(caught.value)


def test_tensors_that_overlap_are_refused(write):
    content = bytearray(gguf_bytes())
    where = content.index(b"output_norm.weight") + len(b"output_norm.weight") + 4 + 8 + 4
    assert content[where] == 128
    content[where] = 64
    with pytest.raises(ModelLoadError, match="begins at byte 64 of the data instead of 128"):
        check_loadable(write(bytes(content)))


def test_a_file_cut_short_says_how_many_bytes_it_should_have(write):
    content = gguf_bytes()
    with pytest.raises(
        ModelLoadError, match=rf"expected at least {len(content)} bytes, has {len(content) - 1}"
    ):
        check_loadable(write(content[:-1]))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(ModelLoadError, match="there is no such file"):
        check_loadable(tmp_path / "absent.gguf")
    with pytest.raises(ModelLoadError, match="is a folder"):
        check_loadable(tmp_path)


class TestSplitModels:
    first = gguf_bytes(with_metadata(split__count=number("UINT32", 2)), tensors=SOUND_TENSORS[:1])
    second = gguf_bytes({"split.count": number("UINT32", 2)}, tensors=SOUND_TENSORS[1:])

    def test_all_parts_are_read_as_one_model(self, write):
        write(self.second, "m-00002-of-00002.gguf")
        header = check_loadable(write(self.first, "m-00001-of-00002.gguf"))
        assert header.parameter_count == 40
        assert header.file_bytes == len(self.first) + len(self.second)

    def test_a_missing_part_is_named(self, write):
        with pytest.raises(ModelLoadError, match=r"1 of 2 parts of the model are missing.*m-00002-of-00002"):
            check_loadable(write(self.first, "m-00001-of-00002.gguf"))

    def test_a_later_part_points_to_the_first(self, write):
        with pytest.raises(ModelLoadError, match=r"part 2 of 2.*give the first, m-00001-of-00002"):
            check_loadable(write(self.second, "m-00002-of-00002.gguf"))

    def test_a_part_that_lost_its_name_is_refused(self, write):
        with pytest.raises(ModelLoadError, match="give the files their original names"):
            check_loadable(write(self.first, "renamed.gguf"))

    def test_a_truncated_later_part_is_found(self, write):
        write(self.second[:-5], "m-00002-of-00002.gguf")
        with pytest.raises(ModelLoadError, match=r"m-00002-of-00002.gguf is incomplete"):
            check_loadable(write(self.first, "m-00001-of-00002.gguf"))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_give_a_header_or_a_model_load_error_and_nothing_else(tmp_path, seed):
    chance = random.Random(seed)
    sound, path = gguf_bytes(), tmp_path / "model.gguf"
    refused = 0

    def read_all():
        header = check_loadable(path)
        _ = (header.quantisation, header.parameter_count, header.pooling, header.vocabulary_size)
        for value in header.metadata.values():
            if isinstance(value, GGUFArray):
                value.values()

    tracemalloc.start()
    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(chance.choice((1, 1, 2, 8, 40))):
            damaged[chance.randrange(len(damaged))] = chance.choice((0, 1, 127, 255, chance.randrange(256)))
        path.write_bytes(damaged[: chance.choice((len(damaged), chance.randrange(len(damaged))))])
        try:
            quickly(read_all, within_s=0.5)
        except ModelLoadError:
            refused += 1
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused > 50
    assert peak_bytes < 10_000_000


def test_a_file_is_read_again_when_it_changed_or_may_have(tmp_path, monkeypatch):
    sound, path = gguf_bytes(), tmp_path / "model.gguf"
    path.write_bytes(sound)
    assert check_loadable(path).path == path
    path.write_bytes(sound[:-1] + b"x")
    reads = []
    monkeypatch.setattr(gguf_check, "read_header", lambda path: reads.append(path) or read_header(path))
    check_loadable(path)
    assert len(reads) == 1, "it was written a moment ago"
    for changed_s, expected in ((10**9, 2), (10**9, 2), (10**9 + 1, 3)):
        os.utime(path, (changed_s, changed_s))
        check_loadable(path)
        assert len(reads) == expected
    path.write_bytes(sound[:-5])
    with pytest.raises(ModelLoadError, match="incomplete"):
        check_loadable(path)


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "all-minilm-l6-v2"])
def test_the_starter_models_pass_and_are_what_the_catalog_says(name):
    entry = find(name)
    path = installed_path(entry)
    if path is None:
        pytest.skip(f"{name} is not installed")
    # Measured at 8 ms for 49,152 tokens.
    header = quickly(lambda: gguf_check._check(path), within_s=0.2)
    assert header.file_bytes == entry.size_bytes
    assert header.parameter_count == entry.parameters
    assert header.quantisation == entry.quantisation
    assert header.context_length == entry.context_length
    assert header.licence == entry.licence.id


def test_the_tables_are_those_of_the_installed_llama_cpp():
    assert importlib.metadata.version("llama-cpp-python") == LLAMA_CPP_PYTHON_VERSION


def test_tensor_types_are_those_of_ggml():
    ggml = ctypes.CDLL(str(library("ggml-base")))
    ggml.ggml_type_name.restype = ctypes.c_char_p
    ggml.ggml_type_size.restype = ctypes.c_size_t
    ggml.ggml_blck_size.restype = ctypes.c_int64
    known = {}
    for number_ in range(43):  # GGML_TYPE_COUNT; asking for more aborts
        if ggml.ggml_blck_size(number_):
            name = ggml.ggml_type_name(number_).decode().upper()
            known[number_] = (name, ggml.ggml_blck_size(number_), ggml.ggml_type_size(number_))
    ours = {
        number_: (kind.name, kind.block_elements, kind.block_bytes) for number_, kind in TENSOR_TYPES.items()
    }
    assert ours == known


def test_architectures_are_names_that_llama_cpp_holds():
    content = library("llama").read_bytes()
    # Linkers let one string be the end of another, so that only the closing zero is sure.
    assert not [name for name in ARCHITECTURES if name.encode() + b"\0" not in content]
    assert len(ARCHITECTURES) > 120
