"""OpenAI's own client against `gpt4all serve`: streams, objects, and answers from your documents.

    python examples/server_with_openai_client.py

It starts a server for itself. To use one that runs already, give its address in OPENAI_BASE_URL, as
http://127.0.0.1:4891/v1; it has to be started with `--allow-folder examples/documents`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openai import OpenAI
from pydantic import BaseModel

FOLDER = Path(__file__).parent.resolve() / "documents"
MODEL = "smollm2-135m-instruct"
QUESTION = "How many days of paid annual leave does a full-time employee get?"


class Weather(BaseModel):
    place: str
    degrees: int


@contextmanager
def server() -> Iterator[str]:
    """The address of one, for the length of a `with` block."""
    if address := os.environ.get("OPENAI_BASE_URL"):
        yield address
        return
    options = ["--port", "0", "--model", MODEL, "--index", "example-index", "--allow-folder", str(FOLDER)]
    command = [sys.executable, "-m", "gpt4all_app", "serve", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:  # noqa: S603 - our own
        try:
            yield address_told(program)
        finally:
            program.terminate()


def address_told(program: subprocess.Popen[str]) -> str:
    for line in program.stderr or ():
        if found := re.search(r"listening on (\S+)", line):
            return found[1]
        print(line, end="", file=sys.stderr)
    raise SystemExit("the server did not start")


def main() -> None:
    with server() as address, OpenAI(base_url=address, api_key="none") as client:
        print("models:", ", ".join(model.id for model in client.models.list()))

        ask = [{"role": "user", "content": "Say hello."}]
        for chunk in client.chat.completions.create(model=MODEL, messages=ask, max_tokens=12, stream=True):
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        print()

        ask = [{"role": "user", "content": "It is 7 degrees in Kiel."}]
        day = client.chat.completions.parse(model=MODEL, messages=ask, response_format=Weather, temperature=0)
        print(repr(day.choices[0].message.parsed))

        client.post("/collections", cast_to=object, body={"id": "handbooks", "folder": str(FOLDER)})
        client.post("/collections/handbooks/sync", cast_to=object, body={"stream": False})
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            extra_body={"localdocs": {"collections": ["handbooks"], "answer_mode": "quote"}},
        )
        print(answer.choices[0].message.content)
        for source in answer.model_extra["references"]:
            print(f"[{source['number']}] {source['document']['filename']}, {source['place']}")


if __name__ == "__main__":
    main()
