"""A model that goes on until nobody wants more."""

import threading

from screens import Scripted

from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.types import Piece, TextDelta


class Endless(Scripted):
    """Says something and goes on for ever. left: released by each answer that nobody wants any more."""

    def __init__(self, text="word"):
        super().__init__()
        self._text = text
        self.left = threading.Semaphore(0)

    def chat(self, *_messages, **_options):
        mailbox = Mailbox(self.left.release)
        mailbox.push(Piece(self._text, 1))
        return ChatReply(Generation(mailbox), _Plain())


class _Plain:
    def push(self, text):
        return [TextDelta(text)]

    def finish(self):
        return []
