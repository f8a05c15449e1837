"""When are questions refused? Strict answers over their threshold, on SQuAD 2.0 questions.

    .bench/venv/bin/python -m benchmarks.abstention FOLDER [--limit 600] [--skip 300] [--picture FILE.svg]

FOLDER is as for `benchmarks.answers`. Each question is asked twice: of an index of all passages, and of all
but the one that answers it, while those around it, about the same subject, stay. Whether a question is
refused is known before any model is asked, so none is. The first 300 questions are left out: the weights of
the evidence were fitted on them. The picture needs the peers' environment.
"""

import argparse
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answers import indexed
from benchmarks.squad import mean, read_passages, read_questions
from gpt4all_localdocs.evidence import LEAST_EVIDENCE

THRESHOLDS = (0.2, 0.3, 0.4, LEAST_EVIDENCE, 0.5, 0.6, 0.7, 0.8)
_ALWAYS_REFUSED = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--skip", type=int, default=300)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    passages = read_passages(options.folder)
    answerable, unanswerable, misleading = [], [], []
    with indexed(passages) as docs:
        for question in read_questions(options.folder, options.limit, skip=options.skip):
            found = docs.ask(question.text, mode="strict", least_evidence=_ALWAYS_REFUSED)
            others = docs.ask(
                question.text,
                mode="strict",
                least_evidence=_ALWAYS_REFUSED,
                where={"passage": {"$ne": question.passage}},
            )
            answerable.append(found.evidence or 0.0)
            unanswerable.append(others.evidence or 0.0)
            misleading.append(any(question.is_answered_in(hit.text) for hit in others.hits))
    print_table(answerable, unanswerable)
    print(f"\nranked rightly: {ranked_rightly(answerable, unanswerable):.3f} of all pairs")
    print(f"an answer's words stand in another passage too: {mean(misleading):.3f} of the questions")
    if options.picture:
        draw(answerable, unanswerable, options.picture)


def print_table(answerable: Sequence[float], unanswerable: Sequence[float]) -> None:
    print(f"{len(answerable)} questions\n\n| threshold | answered | refused without their passage |")
    print("|---|---|---|")
    for threshold in THRESHOLDS:
        print(
            f"| {threshold} | {reached(answerable, threshold):.2f} | {below(unanswerable, threshold):.2f} |"
        )


def reached(evidence: Sequence[float], threshold: float) -> float:
    return mean([value >= threshold for value in evidence])


def below(evidence: Sequence[float], threshold: float) -> float:
    return 1 - reached(evidence, threshold)


def ranked_rightly(answerable: Sequence[float], unanswerable: Sequence[float]) -> float:
    """Of all pairs of one of each, how many have more evidence for the answerable one: the area under ROC."""
    ordered = sorted(unanswerable)
    return mean([bisect_left(ordered, value) / len(ordered) for value in answerable])


def draw(answerable: Sequence[float], unanswerable: Sequence[float], path: Path) -> None:
    """Both shares over the threshold, as SVG."""
    import matplotlib as mpl  # noqa: PLC0415 - it may be missing
    from matplotlib import pyplot as plt  # noqa: PLC0415 - it may be missing

    mpl.use("svg")
    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "abstention"}  # text stays text: small files
    thresholds = [place / 50 for place in range(51)]
    figure, axes = plt.subplots(figsize=(6, 3.2))
    axes.plot(thresholds, [reached(answerable, each) for each in thresholds], label="answerable: answered")
    axes.plot(
        thresholds, [below(unanswerable, each) for each in thresholds], label="without passage: refused"
    )
    axes.axvline(LEAST_EVIDENCE, color="black", linewidth=0.6, linestyle="--")
    axes.set(
        xlabel="least evidence (dashed: strict mode's default)", ylabel="share of questions", ylim=(0, 1)
    )
    axes.legend(frameon=False, loc="lower center")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
