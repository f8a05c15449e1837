"""Where could an answer be cited from? An answerer that knows the answers, on SQuAD 2.0 questions.

    .venv/bin/python -m benchmarks.citations FOLDER [--limit 300]

FOLDER is as for `benchmarks.answers`. The model that `LocalDocs.ask` is given here reads the sources in its
prompt, writes the reference answer and names the first source that holds it, the first of all where none
does. So everything but a model is measured: search, what a prompt has room for, the reading of markers. The
starter model's own citations are in a table of `benchmarks.answers`.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.answers import indexed
from benchmarks.squad import Question, mean, read_passages, read_questions
from gpt4all_core import LocalEmbedder
from gpt4all_core.types import Completion, GenerationParams, Message
from gpt4all_localdocs.source_text import CLOSING, OPENING

_SOURCE = re.compile(rf"^\[\d+\][^\n]*\n{OPENING}\n(.*?)\n{CLOSING}$", re.MULTILINE | re.DOTALL)


class Oracle:
    """Answers a question by its text; has the context of the starter model, counted in MiniLM's tokens."""

    name = "oracle"
    context_size = 8192
    is_demonstration = False

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = {question.text: question for question in questions}
        self.count_tokens = LocalEmbedder().count_tokens

    def chat(self, messages: Sequence[Message], _params: GenerationParams) -> "Written":
        prompt = messages[-1].text
        question = self._questions[prompt.rpartition("Question: ")[2]]
        sources = _SOURCE.findall(prompt)
        number = next((n for n, text in enumerate(sources, start=1) if question.is_answered_in(text)), 1)
        return Written(f"{question.answers[0]} [{number}]")


class Written:
    """What an oracle's request comes to, at once."""

    def __init__(self, text: str) -> None:
        self._text = text

    def result(self) -> Completion:
        return Completion(self._text, "stop")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=300)
    options = parser.parse_args()
    passages, questions = read_passages(options.folder), read_questions(options.folder, options.limit)
    print(f"{len(questions)} questions\n")
    print("| passages | a passage of the first | of the first two | cited: holds the answer | is its own |")
    print("|---|---|---|---|---|")
    with indexed(passages, model=Oracle(questions)) as docs:
        for k in (None, 3, 10):
            answers = [docs.ask(question.text, k=k) for question in questions]
            first, first_two = (
                mean(
                    [
                        any(question.is_answered_in(hit.text) for hit in answer.hits[:count])
                        for question, answer in zip(questions, answers, strict=True)
                    ]
                )
                for count in (1, 2)
            )
            cited = [answer.citations[0] for answer in answers]
            held = mean([q.is_answered_in(each.quote) for q, each in zip(questions, cited, strict=True)])
            own = mean([q.passage == each.text_id for q, each in zip(questions, cited, strict=True)])
            print(f"| {k or 'default'} | {first:.3f} | {first_two:.3f} | {held:.3f} | {own:.3f} |")


if __name__ == "__main__":
    main()
