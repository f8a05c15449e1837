"""`gpt4all chat` in a terminal: keys, colours, and what is kept for next time."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commandline import environment, has_escape_codes

pty = pytest.importorskip("pty", reason="no such terminals on Windows")
termios = pytest.importorskip("termios", reason="as above")

PROGRAM = Path(__file__).parent / "typed_chat.py"
PATIENCE_S = 60
CTRL_C, CTRL_D, UP, ALT_ENTER = "\x03", "\x04", "\x1b[A", "\x1b\r"


class Terminal:
    """Types into a program and reads what it shows."""

    def __init__(self, home, *arguments, **variables):
        self._keyboard, screen = pty.openpty()
        self._shown = ""
        settings = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, "chat", *arguments],
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            env=environment(home) | settings | variables,
        )
        os.close(screen)

    def type(self, keys):
        os.write(self._keyboard, keys.encode())

    def read_until(self, text, *, again=""):
        """What came since the last call, up to and with this text. again: typed in every silent second."""
        while text not in self._shown:
            self._read(again)
        before, _, self._shown = self._shown.partition(text)
        return before + text

    def leave(self):
        """The exit code after Ctrl-D at the prompt."""
        self.read_until("> ")
        self.type(CTRL_D)
        return self.close()

    def wait(self, *, again=""):
        """The exit code of a program that ends. again: typed in every silent second."""
        with contextlib.suppress(OSError):  # how Linux tells that nobody holds the other end any more
            while True:
                self._read(again)
        return self._process.wait(timeout=PATIENCE_S)

    def close(self, *, again=""):
        """The same, after which nothing can be asked of the terminal."""
        exit_code = self.wait(again=again)
        os.close(self._keyboard)
        return exit_code

    def _read(self, again):
        for _second in range(PATIENCE_S):
            if select.select([self._keyboard], [], [], 1)[0]:
                break
            self.type(again)
        else:
            raise AssertionError(f"nothing more came than {self._shown!r}")
        self._shown += os.read(self._keyboard, 4096).decode()


@pytest.fixture
def terminal(home):
    opened = []

    def open_terminal(*arguments, **variables):
        opened.append(Terminal(home, *arguments, **variables))
        opened[-1].read_until("> ")
        return opened[-1]

    yield open_terminal
    for one in opened:
        if one._process.poll() is None:
            one._process.kill()
            one.close()


def test_ctrl_c_stops_the_answer_and_twice_at_the_prompt_leaves(terminal):
    chat = terminal()
    chat.type("tell\r")
    chat.read_until("Once upon")
    chat.type(CTRL_C)
    chat.read_until("stopped; what was said is kept")
    chat.read_until("> ")
    chat.type("go on\r")
    chat.read_until("tell|Once upon a time, |go on")
    chat.read_until("> ")
    # CPython does not see a Ctrl-C that comes between its prompt and its wait for keys before the next key.
    chat.type(CTRL_C)
    chat.read_until("Ctrl-C again", again=CTRL_C)
    chat.read_until("> ")
    chat.type(CTRL_C)
    assert chat.close(again=CTRL_C) == 0


def test_answers_from_documents_show_thoughts_and_stop_and_go_on_like_others(terminal, leave):
    chat = terminal("--docs", leave, "--stats")
    chat.type("how much leave\r")
    assert "\x1b[2;3mHmm." in chat.read_until("\x1b[1m")
    chat.read_until("1 of them thought")
    chat.read_until("> ")
    chat.type("tell\r")
    chat.read_until("Once upon")
    chat.type(CTRL_C)
    chat.read_until("stopped; what was said is kept")
    chat.read_until("> ")
    chat.type("/docs off\r")
    chat.read_until("> ")
    chat.type("go on\r")
    chat.read_until("tell|Once upon a time,|go on")
    assert chat.leave() == 0


def test_messages_have_several_lines_and_are_offered_again_next_time(terminal):
    chat = terminal()
    chat.type(f"one{ALT_ENTER}two\r")
    chat.read_until("\x1b[1mtwo")
    chat.read_until("> ")
    chat.type('"""\rthree\rfour"""\r')
    chat.read_until("\x1b[1mfour")
    assert chat.leave() == 0
    again = terminal()
    again.type(f"{UP}{UP} more\r")
    again.read_until("\x1b[1mtwo more")


def test_private_keeps_no_line(terminal, home):
    chat = terminal("--private")
    chat.type("secret\r")
    chat.read_until("\x1b[1msecret")
    assert chat.leave() == 0
    assert not list(home.glob("typed_lines*"))


def test_thoughts_are_dimmed_and_commands_completed(terminal):
    chat = terminal()
    chat.type("hi\r")
    assert "\x1b[2;3mHmm." in chat.read_until("\x1b[1mhi")
    chat.read_until("> ")
    chat.type("/sta\t\r")
    chat.read_until("written")


def test_a_terminal_of_letters_alone_gets_no_escape_codes(terminal):
    chat = terminal(TERM="dumb")
    chat.type("hi\r")
    shown = chat.read_until("**hi**").replace("\r", "")
    assert "(thinks: Hmm.)" in shown
    assert not has_escape_codes(shown)


def test_a_program_that_is_ended_gives_the_terminal_back_as_it_was(terminal):
    chat = terminal()
    while is_plain(chat):
        time.sleep(0.01)
    chat._process.terminate()
    # Nor does it see this signal there before the line ends: other keys do not make it look.
    assert chat.wait(again="\r") == 128 + signal.SIGTERM
    assert is_plain(chat)
    chat.close()


def is_plain(chat):
    """Whether the terminal shows what is typed and hands it over line by line."""
    flags = termios.tcgetattr(chat._keyboard)[3]
    return bool(flags & termios.ECHO and flags & termios.ICANON)
