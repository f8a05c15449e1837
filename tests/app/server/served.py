"""Scripted models for servers, and what clients read of them."""

import json
import threading

from gpt4all_app.server.served_models import ServedModel, ServedModels
from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.testing import ScriptedChatModel
from gpt4all_core.types import Piece, TextDelta

QUESTION = [{"role": "user", "content": "Hello"}]


class Script(ScriptedChatModel):
    """A scripted model as a server has them."""

    role = "chat"

    def close(self):
        self.is_closed = True


class Endless(Script):
    """Says one word and goes on for ever; tells when nobody wants more."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = threading.Event()
        self.left = threading.Event()

    def chat(self, *_messages, **_options):
        mailbox = Mailbox(self.left.set)
        mailbox.push(Piece("word", 1))
        self.asked.set()
        return ChatReply(Generation(mailbox), _Plain())


class _Plain:
    def push(self, text):
        return [TextDelta(text)]

    def finish(self):
        return []


def served(*models):
    return ServedModels(
        [ServedModel(model.name, model.role, lambda model=model: model, created=7) for model in models]
    )


def events(response):
    """The JSON of every event; the last has to say that it was."""
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]
