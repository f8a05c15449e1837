import math

import pytest
from gguf_parts import Parts
from gguf_writing import gguf_bytes, number, numbers, text
from tiny_models import write_tiny_model
from tiny_projectors import KINDS, projector_metadata, write_tiny_projector

from gpt4all_core.catalog.gguf_projector_check import check_projector, output_width, projector_kind
from gpt4all_core.errors import ModelLoadError, UnsupportedParameter


def check(path, width=64):
    return check_projector(path, model_width=width, model_name="tiny.gguf")


def with_metadata(path, kind, **changes):
    """A projector of this kind; `clip__vision__x=None` leaves that key out."""
    parts = Parts.of(write_tiny_projector(path, kind))
    changed = {key.replace("__", ".").encode(): value for key, value in changes.items()}
    kept = [(key, value) for key, value in parts.metadata if key not in changed]
    parts.metadata = kept + [(key, value) for key, value in changed.items() if value is not None]
    path.write_bytes(parts.to_bytes())
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_projector_that_fits_passes(tmp_path, kind):
    header = check(write_tiny_projector(tmp_path / "mmproj.gguf", kind))
    assert projector_kind(header, "vision") == kind
    assert output_width(header) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_one_for_a_model_of_another_width_is_refused(tmp_path, kind):
    path = write_tiny_projector(tmp_path / "mmproj.gguf", kind, model_width=96)
    with pytest.raises(ModelLoadError, match=r"makes rows of 96 numbers, and tiny\.gguf reads 64"):
        check(path)


def test_a_model_is_no_projector(tmp_path):
    with pytest.raises(ModelLoadError, match="has the architecture 'llama', and is no projector"):
        check(write_tiny_model(tmp_path / "model.gguf", "plain"))


def test_a_file_that_was_cut_short_is_refused(tmp_path):
    path = write_tiny_projector(tmp_path / "mmproj.gguf", "mlp")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelLoadError, match="is incomplete"):
        check(path)


@pytest.mark.parametrize("kind", ["hunyuanvl", "deepseek4v"])
def test_kinds_that_cannot_be_computed_soundly_are_refused_by_name(tmp_path, kind):
    path = with_metadata(tmp_path / "mmproj.gguf", "mlp", clip__projector_type=text(kind))
    with pytest.raises(UnsupportedParameter, match=f"of the kind '{kind}', which cannot be used: the rows"):
        check(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip__projector_type": text("ultravox")}, "'ultravox', which libmtmd does not know for pictures"),
        ({"clip__projector_type": None}, "kind '', which libmtmd does not know"),
        ({"clip__projector_type": number("UINT32", 1)}, "has the type UINT32 instead of STRING"),
        ({"clip__has_vision_encoder": number("BOOL", 0)}, "has no encoder"),
        ({"clip__has_vision_encoder": None}, "has no encoder"),
        ({"clip__has_vision_encoder": number("UINT32", 1)}, "has the type UINT32 instead of BOOL"),
        ({"general__name": number("UINT32", 1)}, r"general\.name has the type UINT32 instead of STRING"),
        ({"clip__vision__image_size": number("INT32", 56)}, "has the type INT32 instead of UINT32"),
        ({"clip__vision__image_size": numbers("UINT32", [56])}, "has the type a list instead of UINT32"),
        ({"clip__vision__image_size": None}, "image_size is missing; it must be from 0 to 8192"),
        ({"clip__vision__image_size": number("UINT32", 8193)}, "image_size is 8193"),
        ({"clip__vision__image_size": number("UINT32", 13)}, "less than a patch of 14"),
        ({"clip__vision__patch_size": number("UINT32", 0)}, "patch_size is 0"),
        ({"clip__vision__embedding_length": number("UINT32", 0)}, "embedding_length is 0"),
        ({"clip__vision__attention__head_count": number("UINT32", 3)}, "32, which 3 heads cannot share"),
        ({"clip__vision__attention__head_count": number("UINT32", 0)}, "has no attention"),
        ({"clip__vision__attention__head_dim": number("UINT32", 8)}, "head_dim is 8, and 2 heads share 32"),
        ({"clip__vision__attention__head_count_kv": number("UINT32", 1)}, "head_count_kv is 1; it must be 2"),
        ({"clip__vision__block_count": number("UINT32", 0)}, "has no attention"),
        ({"clip__vision__block_count": number("UINT32", 3)}, r"lacks the matrix 'v\.blk\.2\.ffn_up"),
        ({"clip__vision__block_count": number("UINT32", 999)}, "block_count is 999"),
        ({"clip__vision__attention__layer_norm_epsilon": number("FLOAT32", math.nan)}, "epsilon is nan"),
        ({"clip__vision__attention__layer_norm_epsilon": number("FLOAT64", 1e-6)}, "FLOAT64 instead of"),
        ({"clip__vision__image_mean": numbers("FLOAT32", [0.5])}, "a list of three finite numbers"),
        ({"clip__vision__image_mean": numbers("FLOAT64", [0.5] * 3)}, "a list of three finite numbers"),
        ({"clip__vision__image_std": numbers("FLOAT32", [0.5, 0.0, 0.5])}, "image_std has a zero"),
        ({"clip__vision__feature_layer": numbers("INT32", [5])}, "names layers outside the 2"),
        ({"clip__vision__image_grid_pinpoints": numbers("INT32", [56, -56])}, "has impossible sizes"),
    ],
)
def test_headers_that_end_libmtmd_are_refused(tmp_path, changes, message):
    path = with_metadata(tmp_path / "mmproj.gguf", "mlp", **changes)
    with pytest.raises(ModelLoadError, match=message) as caught:
        check(path)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("qwen2vl_merger", {"clip__vision__spatial_merge_size": number("UINT32", 4)}, "it must be 2"),
        ("qwen2vl_merger", {"clip__vision__n_wa_pattern": number("UINT32", 8)}, "have no windows"),
        ("gemma3", {"clip__vision__projector__scale_factor": number("UINT32", 3)}, "which 4 patches in a"),
        ("idefics3", {"clip__vision__projector__scale_factor": number("UINT32", 1)}, "instead of"),
    ],
)
def test_numbers_that_do_not_fit_to_the_kind_are_refused(tmp_path, kind, changes, message):
    with pytest.raises(ModelLoadError, match=message):
        check(with_metadata(tmp_path / "mmproj.gguf", kind, **changes))


def test_what_nobody_reads_may_be_of_any_type(tmp_path):
    path = with_metadata(
        tmp_path / "mmproj.gguf",
        "mlp",
        clip__vision__is_deepstack_layers=numbers("BOOL", [1, 0]),
        clip__has_text_encoder=number("UINT32", 0),
        general__file_type=number("UINT32", 1),
    )
    assert check(path).tensors


def test_an_encoder_without_blocks_passes_where_its_kind_has_none(tmp_path):
    metadata = projector_metadata("mlp") | {
        "clip.projector_type": text("gemma4uv"),
        "clip.vision.block_count": number("UINT32", 0),
        "clip.vision.attention.head_count": number("UINT32", 0),
        "clip.vision.feed_forward_length": number("UINT32", 0),
    }
    path = tmp_path / "mmproj.gguf"
    path.write_bytes(gguf_bytes(metadata, tensors=(("mm.input_projection.weight", (32, 64), 0),)))
    assert output_width(check(path)) == 64


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_of_a_plain_encoder_is_needed_or_optional(tmp_path, kind):
    """Nothing that is missing gets as far as a null pointer."""
    sound = Parts.of(write_tiny_projector(tmp_path / "mmproj.gguf", kind))
    optional = {"post_ln", "ln1.bias", "ln2.bias", "attn_out.bias", "ffn_up.bias", "ffn_down.bias"}
    optional |= {"patch_embd.bias", *(() if kind == "qwen2vl_merger" else ("_q.bias", "_k.bias", "_v.bias"))}
    for tensor in sound.tensors:
        name = tensor.name.decode()
        parts = sound.copy()
        parts.tensors = [other for other in parts.tensors if other.name != tensor.name]
        path = tmp_path / "without.gguf"
        path.write_bytes(parts.to_bytes())
        if any(part in name for part in optional):
            check(path)
        else:
            with pytest.raises(ModelLoadError, match="lacks the"):
                check(path)


@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_of_a_plain_encoder_is_compared(tmp_path, kind):
    sound = Parts.of(write_tiny_projector(tmp_path / "mmproj.gguf", kind))
    for place, tensor in enumerate(sound.tensors):
        for dimension in range(len(tensor.shape)):
            parts = sound.copy()
            parts.tensors[place].shape[dimension] += 1
            path = tmp_path / "other.gguf"
            path.write_bytes(parts.to_bytes())
            with pytest.raises(ModelLoadError):
                check(path)


def test_weights_of_a_type_without_arithmetic_are_refused(tmp_path):
    for kind, message in ((26, "has type I32, in which there are no weights"), (1, "it must be F32")):
        parts = Parts.of(write_tiny_projector(tmp_path / "mmproj.gguf", "mlp"))
        next(part for part in parts.tensors if len(part.shape) == 1).kind = kind
        (tmp_path / "mmproj.gguf").write_bytes(parts.to_bytes())
        with pytest.raises(ModelLoadError, match=message):
            check(tmp_path / "mmproj.gguf")
