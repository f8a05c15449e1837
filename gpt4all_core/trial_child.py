"""What runs in the child process of a trial; see `gpt4all_core.trial`.

It does with a file, whose path it reads from its standard input, what is done with an open one; with a
projector, whose path follows the model's, it reads pictures and sounds. An error is no failure here: opening
the file says the same in better words.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

import numpy as np

from gpt4all_core.embedder import LocalEmbedder
from gpt4all_core.engine.llama.projector import LlamaProjector
from gpt4all_core.engine.llama.weights import LlamaWeights
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError, GPT4AllError, ModelLoadError
from gpt4all_core.open_engine import start_engine
from gpt4all_core.open_model import EngineOptions
from gpt4all_core.reranker import LocalReranker
from gpt4all_core.trial import trials
from gpt4all_core.types import GenerationParams

TEXTS = ("a <s> b\n<|im_end|> [SEP]", "\u00e9\u4e16\U0001f98b\x00", "word " * 64)
"""Words, control tokens, bytes that few vocabularies have as tokens, and more than one small batch."""

PICTURES = ((48, 64), (900, 300))
"""Height and width in pixels: one that is smaller than what encoders see, and one that is cut into slices."""

SOUNDS = (0.1, 31.0)
"""Seconds: one that is shorter than what encoders hear at once, and one that is longer than Whisper's half
a minute."""

SMALL = EngineOptions(context_size=64, device="cpu", gpu_layers=0, parallel=2, cache_bytes=0)


def main() -> None:
    """Try the file; the exit code is 0 unless llama.cpp ended the process."""
    path, *projectors = map(Path, json.loads(sys.stdin.read()))
    trials.waive(path)
    for projector in projectors:
        with contextlib.suppress(GPT4AllError):
            _perceive(path, projector)
        os._exit(0)
    for use in (_chat, _embed, _rerank):
        try:
            use(path)
            break
        except ModelLoadError:  # not a model of this kind
            continue
        except GPT4AllError:
            break
    os._exit(0)  # nothing is worth waiting for


def _chat(path: Path) -> None:
    opened = start_engine(path, SMALL)
    _ = opened.facts
    prompts = [opened.tokenize(text, parse_special=special) for text in TEXTS for special in (True, False)]
    last = opened.weights.vocabulary_size - 1
    constraint = opened.compile_grammar('start: "a"')
    for prompt in (*prompts, [0, last]):
        opened.submit(
            prompt[: SMALL.context_size // 2] or [0],
            GenerationParams(temperature=0, max_tokens=2),
            constraint=None,
            timeout_s=None,
            keep_alive=None,
        ).result()
    opened.submit(
        [0], GenerationParams(max_tokens=2), constraint=constraint, timeout_s=None, keep_alive=None
    ).result()


def _perceive(path: Path, projector: Path) -> None:
    weights = LlamaWeights(path)
    opened = LlamaProjector(weights, projector, threads=usable_cores())
    for height, width in PICTURES if opened.sees else ():
        shades = np.arange(height * width * 3, dtype=np.uint32) % 251
        with contextlib.suppress(ConfigError):
            opened.encode_image(shades.astype(np.uint8).reshape(height, width, 3))
    for seconds in SOUNDS if opened.hears else ():
        samples = np.sin(np.arange(round(seconds * opened.sample_rate)) / 7, dtype=np.float32)
        with contextlib.suppress(ConfigError):
            opened.encode_audio(samples, most_rows=len(samples))


def _embed(path: Path) -> None:
    LocalEmbedder(path, device="cpu").embed_documents(TEXTS)


def _rerank(path: Path) -> None:
    LocalReranker(path, device="cpu").rerank(TEXTS[0], TEXTS)


if __name__ == "__main__":
    main()
