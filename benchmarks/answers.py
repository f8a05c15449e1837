"""Answers end to end on SQuAD 2.0 questions, beside LangChain's plain recipe with the same model.

    .bench/venv/bin/python -m benchmarks.answers FOLDER [--limit 300] [--rows quote …] [--keep PLACE]

FOLDER holds corpus.jsonl, queries.jsonl (each with its `answers`) and qrels/test.tsv in the layout of
BEIR; every passage is a text of one index. All rows use the starter model, the bundled embedder and greedy
decoding, everything else at its default; written answers end after 64 tokens. Each answer is appended to
PLACE/<row>.jsonl (default .bench/results/answers) as soon as it is there, and answers found there are not
asked for again: delete the files to measure anew. The recipe's row needs the peers' environment.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.squad import Question, best_f1, mean, read_lines, read_passages, read_questions
from gpt4all_core import GenerationParams
from gpt4all_core.protocols import ChatModel
from gpt4all_localdocs import Answer, LocalDocs, Text

MODEL = "smollm2-135m-instruct"
_WRITTEN_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question. shown: ids of the passages looked into, best first; cited: of those cited.

    evidence: None where nobody weighed it. seconds: of wall time, search included.
    """

    question: str
    text: str
    prompt_tokens: int
    shown: tuple[str, ...]
    cited: tuple[str, ...] = ()
    evidence: float | None = None
    seconds: float = 0.0


Ask = Callable[[Question], Outcome]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--keep", type=Path, default=Path(".bench/results/answers"))
    options = parser.parse_args()
    passages, questions = read_passages(options.folder), read_questions(options.folder, options.limit)
    options.keep.mkdir(parents=True, exist_ok=True)
    rows = {row: ask_all(row, passages, questions, options.keep / f"{row}.jsonl") for row in options.rows}
    print_answers(rows, questions)
    print_citations(rows, questions, passages)


def ask_all(
    row: str, passages: Mapping[str, str], questions: Sequence[Question], kept: Path
) -> list[Outcome]:
    """The outcomes in the order of the questions; those that the file holds are taken from it."""
    known = {line["question"]: Outcome(**line) for line in read_lines(kept)} if kept.exists() else {}
    missing = [question for question in questions if question.id not in known]
    if missing:
        with ROWS[row](passages) as ask, kept.open("a", encoding="utf-8") as file:
            for question in missing:
                started = time.perf_counter()
                outcome = ask(question)
                line = asdict(outcome) | {"seconds": round(time.perf_counter() - started, 3)}
                known[question.id] = Outcome(**line)
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
    return [known[question.id] for question in questions]


@contextmanager
def quoting(passages: Mapping[str, str]) -> Iterator[Ask]:
    """`LocalDocs.ask` as it is: the starter model quotes."""
    with indexed(passages) as docs:

        def ask(question: Question) -> Outcome:
            answer = docs.ask(question.text)
            if not any(answer.text in passages[id_] for id_ in cited(answer)):
                raise AssertionError(f"not verbatim: {answer.text!r}")
            return outcome_of(question, answer)

        yield ask


@contextmanager
def writing(passages: Mapping[str, str]) -> Iterator[Ask]:
    """The starter model made to write from sources."""
    params = GenerationParams(temperature=0, max_tokens=_WRITTEN_TOKENS)
    with indexed(passages) as docs:
        yield lambda question: outcome_of(question, docs.ask(question.text, mode="free", params=params))


@contextmanager
def recipe(passages: Mapping[str, str]) -> Iterator[Ask]:
    """LangChain's: recursive splitter (1,000 characters, overlap 200), Chroma, the nearest 4, its prompt."""
    from langchain_chroma import Chroma  # noqa: PLC0415 - it may be missing
    from langchain_classic.chains.question_answering import stuff_prompt  # noqa: PLC0415 - it may be missing
    from langchain_text_splitters import RecursiveCharacterTextSplitter  # noqa: PLC0415 - it may be missing

    from langchain_gpt4all import ChatGPT4All, GPT4AllEmbeddings  # noqa: PLC0415 - LangChain may be missing

    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    chunks = splitter.create_documents(list(passages.values()), [{"id": id_} for id_ in passages])
    with (
        GPT4AllEmbeddings() as embeddings,
        ChatGPT4All(model=MODEL, temperature=0, max_tokens=_WRITTEN_TOKENS) as model,
    ):
        retriever = Chroma.from_documents(chunks, embeddings).as_retriever(search_kwargs={"k": 4})
        prompt = stuff_prompt.PROMPT_SELECTOR.get_prompt(model)

        def ask(question: Question) -> Outcome:
            found = retriever.invoke(question.text)
            context = "\n\n".join(document.page_content for document in found)
            reply = model.invoke(prompt.invoke({"context": context, "question": question.text}))
            shown = tuple(dict.fromkeys(document.metadata["id"] for document in found))
            return Outcome(question.id, reply.text, reply.usage_metadata["input_tokens"], shown)

        yield ask


ROWS = {"quote": quoting, "free": writing, "recipe": recipe}


@contextmanager
def indexed(passages: Mapping[str, str], *, model: ChatModel | str = MODEL) -> Iterator[LocalDocs]:
    """All passages as texts of one index, with their id as metadata to filter by."""
    with tempfile.TemporaryDirectory() as place, LocalDocs(place, model=model) as docs:
        docs.put(Text(text, id=id_, metadata={"passage": id_}) for id_, text in passages.items())
        yield docs


def outcome_of(question: Question, answer: Answer) -> Outcome:
    shown = tuple(dict.fromkeys(hit.text_id for hit in answer.hits))
    return Outcome(
        question.id, answer.text, answer.usage.prompt_tokens, shown, cited(answer), answer.evidence
    )


def cited(answer: Answer) -> tuple[str, ...]:
    return tuple(dict.fromkeys(citation.text_id for citation in answer.citations))


def print_answers(rows: Mapping[str, Sequence[Outcome]], questions: Sequence[Question]) -> None:
    print(f"\n{len(questions)} questions\n\n| row | F1 | prompt tokens | s a question |\n|---|---|---|---|")
    for row, outcomes in rows.items():
        scores = [best_f1(each.text, q.answers) for each, q in zip(outcomes, questions, strict=True)]
        tokens = mean([each.prompt_tokens for each in outcomes])
        print(
            f"| {row} | {mean(scores):.3f} | {tokens:.0f} | {mean([each.seconds for each in outcomes]):.2f} |"
        )


def print_citations(
    rows: Mapping[str, Sequence[Outcome]], questions: Sequence[Question], passages: Mapping[str, str]
) -> None:
    """How often an answer stands where it could have been cited from, and where it was."""
    print("\n| row | first passage | first two | all shown | first cited | any cited | answers that cite |")
    print("|---|---|---|---|---|---|---|")
    for row, outcomes in rows.items():
        pairs = list(zip(outcomes, questions, strict=True))

        def share(looked_at: Callable[[Outcome], Sequence[str]], pairs: list = pairs) -> str:
            held = [any(q.is_answered_in(passages[id_]) for id_ in looked_at(each)) for each, q in pairs]
            return f"{mean(held):.3f}"

        cells = [share(lambda each, n=n: each.shown[:n]) for n in (1, 2, None)]
        cells += [share(lambda each, n=n: each.cited[:n]) for n in (1, None)]
        citing = mean([bool(each.cited) for each in outcomes])
        print(f"| {row} | {' | '.join(cells)} | {citing:.3f} |")


if __name__ == "__main__":
    main()
