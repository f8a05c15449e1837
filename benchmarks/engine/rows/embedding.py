"""Texts embedded a second, against llama-cpp-python's own call and against PyTorch."""

from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.engine import tasks
from benchmarks.engine.bench import Bench, Line, Target, contenders
from benchmarks.engine.bounds import ModelCost, prompt_bound
from benchmarks.engine.child import Child
from benchmarks.engine.conversations import texts
from benchmarks.engine.model_files import minilm_folder
from benchmarks.engine.ratios import cpu_ratio, in_turn, median_speed, speed_ratio
from benchmarks.engine.tasks import Run

MINILM = ModelCost(
    weight_bytes=24_500_000,
    parameters=22_700_000,
    head_parameters=12_100_000,  # the embedding table, which is looked up and not multiplied
    cell_bytes=0,
    cell_operations=2 * 4 * 6 * 384,  # six layers; every token sees the later ones too
)

LEAST_COSINE = 0.98
"""Between vectors of Q8_0 and float32 weights; less would mean that the work is not the same."""


def short_texts(bench: Bench, threads: int) -> list[Line]:
    return _row("embedding-short", bench, threads, tokens=17, count=192)


def passages(bench: Bench, threads: int) -> list[Line]:
    return _row("embedding-passages", bench, threads, tokens=118, count=48)


def _row(row: str, bench: Bench, threads: int, *, tokens: int, count: int) -> list[Line]:
    minilm_folder(bench.folder)
    setup = replace(bench.setup(threads), model=bench.embedding_model)
    names = ["our_embedder", "llama_embed", "sentence_transformer"]
    with contenders(names, setup) as (opened, failures):

        def embed(child: Child, number: int) -> Run:
            drawn = texts(number, count=count, tokens=tokens, corpus=bench.corpus)
            run: Run = child.ask(tasks.embed, drawn)
            return run

        same = _check_same_work(opened, texts(0, count=8, tokens=tokens, corpus=bench.corpus))
        sample = texts(0, count=count, tokens=tokens, corpus=bench.corpus)
        length = opened["our_embedder"].ask(tasks.call, "count_tokens", sample)
        runs = in_turn({name: partial(embed, child) for name, child in opened.items()}, bench.rounds)
    bound = prompt_bound(bench.machine(threads), MINILM, tokens=round(length))
    speed = median_speed(runs["our_embedder"])
    most = bound.per_second / length
    targets = {"llama_embed": Target("≥", 2.0), "sentence_transformer": Target("≥", 1.0)}
    lines = [
        Line(
            row,
            f"LocalEmbedder ÷ {name}, texts of {length:.0f} tokens (least cosine {same[name]:.4f})",
            threads,
            speed_ratio(runs["our_embedder"], runs[name]),
            target,
            cpu_ratio(runs["our_embedder"], runs[name]),
            figure=f"{speed:.0f} texts/s",
            bound=f"{bound.by}: {speed / most:.0%} of {most:.0f}",
        )
        for name, target in targets.items()
        if name in runs
    ]
    return lines + [Line(row, "left out", threads, note=failure) for failure in failures]


def _check_same_work(opened: dict[str, Child], sample: list[str]) -> dict[str, float]:
    """The least cosine of each contender's vectors to ours."""
    vectors = {name: np.array(child.ask(tasks.vectors, sample)) for name, child in opened.items()}
    least = {
        name: float((rows * vectors["our_embedder"]).sum(axis=1).min()) for name, rows in vectors.items()
    }
    strangers = [f"{name} {cosine:.3f}" for name, cosine in least.items() if cosine < LEAST_COSINE]
    if strangers:
        raise AssertionError(f"vectors differ from ours, so speeds cannot be compared: {strangers}")
    return least
