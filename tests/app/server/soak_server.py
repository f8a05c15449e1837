"""A crowd of clients that stream from one server, and some that vanish: nobody is lost or waits for ever.

A module that tests use for some seconds, and that `make soak-server MINUTES=5` uses for longer: it prints
what became of the answers, and ends with an error if one was lost, was another's, or if some clients had
twice as many as others.
The engine is the real one, on scripted tokens: what is tried is the server, the queue and the slots.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from loopback import LoopbackServer
from served import Plain, served

from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.engine import Engine
from gpt4all_core.testing import ScriptedBackend, ScriptedVocabulary
from gpt4all_core.testing import babble as next_token

PATH = "/v1/chat/completions"
TOKENS = 32
CLIENTS = 100


class EngineModel:
    """A chat model on a real engine, whose tokens follow from those before."""

    name, role = "crowded", "chat"

    def __init__(self, *, sequences=16):
        self.backend = ScriptedBackend(cells=8192, sequences=sequences)
        self.engine = Engine(self.backend, ScriptedVocabulary(), context_size=512).start()

    def chat(self, messages, params, **_options):
        params = replace(params, temperature=0, top_p=1.0, min_p=0.0, top_k=0)
        return ChatReply(self.engine.submit(list(messages[-1].text.encode()), params), Plain())

    def close(self):
        self.engine.close()


def expected(question, most):
    """What the model answers."""
    tokens = list(question.encode())
    start = len(tokens)
    while len(tokens) < start + most and (token := next_token(tuple(tokens))) != ScriptedVocabulary.END:
        tokens.append(token)
    return bytes(tokens[start:]).decode()


@dataclass
class Tally:
    """What the clients saw. answers: of each client. first_s: until the first text of an answer."""

    answers: list[int]
    lost: list[str] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    vanished: int = 0

    @property
    def total(self):
        return sum(self.answers)

    @property
    def is_fair(self):
        """Nobody had more than twice as many answers as another."""
        return max(self.answers) <= 2 * min(self.answers)


async def crowd(port, *, goes_on, clients=CLIENTS, vanishing=0, tokens=TOKENS):
    """Ask from all clients at once, again and again while `goes_on(tally)`; `vanishing` more hang up.

    What is counted begins when all are connected and had an answer.
    """
    tally = Tally([0] * clients)
    start = asyncio.Barrier(clients)

    async def stay(number):
        async with connected(port) as line:
            await whole(line, f"{number}: hello", tokens)
            await start.wait()
            while goes_on(tally):
                question = f"{number}: {tally.answers[number]}"
                text, first_s = await whole(line, question, tokens)
                tally.first_s.append(first_s)
                if text != expected(question, tokens):
                    tally.lost.append(f"{question}: {text!r}")
                tally.answers[number] += 1

    async def vanish(number):
        chance = random.Random(number)
        while goes_on(tally):
            async with connected(port) as line:
                await begun(line, f"gone {number}", chance.randrange(4))
            tally.vanished += 1

    await asyncio.gather(*map(stay, range(clients)), *map(vanish, range(vanishing)))
    return tally


@asynccontextmanager
async def connected(port):
    """A connection of one's own. Without a library: a hundred of those would be most of what is measured."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def whole(line, question, tokens):
    """The text of an answer, and the seconds until its beginning. Raises ValueError if it breaks off."""
    started, text, first_s = time.monotonic(), "", None
    send(line, question, tokens)
    reader, _ = line
    while (read := await reader.readline()) != b"data: [DONE]\n":
        if not read or read.startswith(b'data: {"error"'):
            raise ValueError(f"{question}: broke off with {read!r} after {text!r}")
        if read.startswith(b"data: "):
            [choice] = json.loads(read.removeprefix(b"data: "))["choices"]
            if first_s is None and choice["delta"].get("content"):
                first_s = time.monotonic() - started
            text += choice["delta"].get("content") or ""
    await reader.readuntil(b"0\r\n\r\n")
    return text, first_s or 0.0


async def begun(line, question, events):
    """Some events of an answer that would be long."""
    send(line, question, 400)
    reader, _ = line
    for _ in range(events):
        while not (await reader.readline()).startswith(b"data: "):
            pass


def send(line, question, tokens):
    asked = {"messages": [{"role": "user", "content": question}], "stream": True, "max_tokens": tokens}
    body = json.dumps(asked)
    _, writer = line
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    end = time.monotonic() + 60 * parser.parse_args().minutes
    model = EngineModel()
    server = LoopbackServer(served(model))
    try:
        tally = asyncio.run(crowd(server.port, goes_on=lambda _tally: time.monotonic() < end, vanishing=20))
        while model.engine.is_busy:
            time.sleep(0.01)
        model.engine.check_integrity()
    finally:
        server.close()
    quick = statistics.quantiles(tally.first_s, n=20)
    print(f"| clients | {CLIENTS}, and 20 that hang up |")
    print(f"| answers | {tally.total}, {len(tally.lost)} lost |")
    print(f"| answers of one client | {min(tally.answers)} to {max(tally.answers)} |")
    print(f"| first text after | {quick[9]:.2f} s in the median, {quick[18]:.2f} s in 95 of 100 |")
    print(f"| streams that were left | {tally.vanished}, none of which runs on |")
    return "\n".join(tally.lost[:10]) or (0 if tally.is_fair else "some clients had twice as many answers")


if __name__ == "__main__":
    sys.exit(main())
