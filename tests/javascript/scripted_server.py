"""A server of scripted models for tests in other languages; ends with its input.

Tells `listening on URL` once it listens, and `left` for each answer that nobody wants any more.
"""

import sys
import threading

from loopback import LoopbackServer
from served import Breaking, Continuing, Endless, Full, Hashed, Script, served

from gpt4all_core.types import Message, ToolCall


def look_up(messages):
    """Asks for the weather, and tells of it once it is there."""
    if messages[-1].role == "tool":
        return f"It is {messages[-1].text} in Kiel."
    return Message("assistant", "Let me look.", (ToolCall("call_1", "weather", '{"place": "Kiel"}'),))


def main():
    endless = Endless(name="endless")
    models = (
        Script(["Good morning to you."], name="polite"),
        Script([Message("assistant", "Seven.", reasoning="Count the days.")], name="thinker"),
        Script(look_up, name="caller"),
        Script(['{"place": "Kiel", "degrees": 7}'], name="json"),
        endless,
        Full(name="full"),
        Breaking(["Some words."], name="breaking"),
        Continuing(name="base"),
        Hashed(),
    )
    server = LoopbackServer(served(*models))
    print(f"listening on {server.url}/v1", flush=True)
    threading.Thread(target=tell_who_left, args=(endless,), daemon=True).start()
    sys.stdin.read()
    server.close()


def tell_who_left(model):
    while model.left.acquire():
        print("left", flush=True)


if __name__ == "__main__":
    main()
