"""Damaged projectors: an error or a result, never the end of the process.

The kinds whose shapes are checked come here without the child process that a trial would be.
"""

import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from gguf_parts import Parts
from gguf_writing import number, numbers, text, texts
from tiny_audio_projectors import KINDS as HEARING_KINDS
from tiny_audio_projectors import sound, write_hearing_model, write_hearing_projector
from tiny_projectors import KINDS, picture, write_seeing_model, write_tiny_projector

FILES = 150

_CHILD = """
import sys
from pathlib import Path
from gpt4all_core.catalog.gguf_projector_check import check_projector
from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.errors import GPT4AllError
from gpt4all_core.read_audio import read_audio
from gpt4all_core.read_image import read_image

weights, data = LlamaWeights(Path(sys.argv[1])), Path(sys.argv[2]).read_bytes()
pixels = None if data.startswith(b"RIFF") else read_image(data)
samples = read_audio(data, rate=16000) if pixels is None else None
for name in sys.stdin.read().splitlines():
    path = Path(name)
    print(path.name, flush=True)
    try:
        check_projector(path, model_width=64, model_name="model")
        projector = LlamaProjector(weights, path, threads=1)
        if pixels is None:
            projector.encode_audio(samples, most_rows=1000)
        else:
            projector.encode_image(pixels)
        projector.close()
        print("read", flush=True)
    except GPT4AllError:
        print("refused", flush=True)
"""

_NUMBERS = (0, 1, 2, 3, 7, 13, 14, 31, 33, 64, 255, 4096, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_SIZES = (1, 2, 13, 14, 16, 31, 32, 33, 64, 96, 128)
_ADDED = (
    b"clip.has_audio_encoder",
    b"clip.has_vision_encoder",
    b"clip.audio.feature_layer",
    b"clip.audio.attention.head_dim",
    b"clip.audio.attention.head_count_kv",
    b"clip.audio.projector.stack_factor",
    b"clip.use_silu",
    b"clip.vision.feature_layer",
    b"clip.vision.image_grid_pinpoints",
    b"clip.vision.attention.head_dim",
    b"clip.vision.attention.head_count_kv",
    b"clip.vision.projector.scale_factor",
    b"clip.vision.preproc_image_size",
)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_projectors_that_see_are_refused_or_read(tmp_path, kind):
    model = write_seeing_model(tmp_path / "model.gguf", kind)
    whole = write_tiny_projector(tmp_path / "whole.gguf", kind)
    check_damaged(model, whole, picture(), random.Random(kind))


@pytest.mark.parametrize("kind", HEARING_KINDS)
def test_damaged_projectors_that_hear_are_refused_or_read(tmp_path, kind):
    model = write_hearing_model(tmp_path / "model.gguf", kind)
    whole = write_hearing_projector(tmp_path / "whole.gguf", kind)
    check_damaged(model, whole, sound(), random.Random(kind))


def check_damaged(model, whole, data, choose):
    folder = whole.parent
    (folder / "data").write_bytes(data)
    paths = [whole]
    for count in range(FILES):
        path = folder / f"{count}.gguf"
        path.write_bytes(_damaged(Parts.of(whole), choose))
        paths.append(path)
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, model, folder / "data"],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    words = ran.stdout.split()
    assert ran.returncode == 0, (words[-1:], ran.stderr[-300:])
    outcomes = words[1::2]
    assert outcomes[0] == "read"
    assert len(outcomes) == len(paths)
    assert 10 < outcomes.count("refused") < FILES - 10


def _damaged(parts, choose):
    """The file with one or two things wrong in it."""
    for _ in range(choose.choice((1, 1, 2))):
        choose.choice((_change_value, _change_type, _add_value, _change_shape, _drop))(parts, choose)
    raw = bytearray(parts.to_bytes())
    if choose.random() < 0.15:
        return bytes(raw[: choose.randrange(len(raw))])
    if choose.random() < 0.15:
        for _ in range(3):
            raw[choose.randrange(4000)] = choose.randrange(256)
    return bytes(raw)


def _change_value(parts, choose):
    place = choose.randrange(len(parts.metadata))
    key, value = parts.metadata[place]
    (kind,) = struct.unpack("<I", value[:4])
    if kind in (4, 5):
        value = value[:4] + struct.pack("<I", choose.choice(_NUMBERS))
    elif kind == 6:
        value = number("FLOAT32", choose.choice((0.0, -1.0, 1e30, float("nan"), float("inf"))))
    elif kind == 9:
        damaged = ([], [1.0], [0.0] * 3, [float("nan")] * 3)
        value = choose.choice((*(numbers("FLOAT32", values) for values in damaged), texts(["a"])))
    parts.metadata[place] = (key, value)


def _change_type(parts, choose):
    place = choose.randrange(len(parts.metadata))
    kinds = ("INT32", "UINT64", "FLOAT32", "FLOAT64", "BOOL", "INT8")
    others = (*(number(kind, 1) for kind in kinds), text("a"), numbers("INT32", [1]), texts(["a"]))
    parts.metadata[place] = (parts.metadata[place][0], choose.choice(others))


def _add_value(parts, choose):
    key = choose.choice(_ADDED)
    value = choose.choice(
        (
            number("BOOL", 1),
            number("UINT32", choose.choice(_NUMBERS)),
            numbers("INT32", [choose.choice((-5, -1, 0, 1, 2, 99, 10**6)) for _ in range(2)]),
        )
    )
    parts.metadata = [entry for entry in parts.metadata if entry[0] != key] + [(key, value)]


def _change_shape(parts, choose):
    tensor = choose.choice(parts.tensors)
    if choose.random() < 0.3:
        tensor.shape.reverse()
    elif choose.random() < 0.3:
        tensor.kind = choose.choice((1, 2, 8, 9, 15, 24, 26, 28, 30))
    else:
        tensor.shape[choose.randrange(len(tensor.shape))] = choose.choice(_SIZES)


def _drop(parts, choose):
    entries = choose.choice((parts.metadata, parts.tensors))
    del entries[choose.randrange(len(entries))]


def test_the_child_notices_the_end_of_the_process(tmp_path):
    """Or the test above could not fail."""
    missing = Path(__file__).with_name("no such model.gguf")
    ran = subprocess.run(
        [sys.executable, "-c", _CHILD, missing, missing], input="", check=False, capture_output=True
    )
    assert ran.returncode != 0
