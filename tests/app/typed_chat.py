"""A program for tests: `gpt4all chat` with a scripted model, in the terminal that is its standard input."""

import fcntl
import sys
import termios
import threading

from gpt4all_app.program import run
from gpt4all_app.session import Session
from gpt4all_core.testing import HashEmbedder, ScriptedChatModel
from gpt4all_core.types import Message, TextDelta


class Endless:
    """An answer that somebody has to stop."""

    @property
    def events(self):
        yield TextDelta("Once upon a time, ")
        threading.Event().wait()

    def cancel(self):
        """Nothing is under way."""


class Model(ScriptedChatModel):
    """Tells an endless tale if asked to, else repeats the whole conversation as Markdown."""

    def chat(self, messages, params=None, **options):
        if messages[-1].text.endswith("tell"):
            return Endless()
        return super().chat(messages, params, **options)


def echo(messages):
    return Message("assistant", f"**{'|'.join(turn.text for turn in messages)}**", reasoning="Hmm.")


if __name__ == "__main__":
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C is a signal
    sys.exit(run(sys.argv[1:], Session(embedder=HashEmbedder(), chat_model=Model(echo))))
