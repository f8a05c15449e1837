"""The commands of a conversation: what stands after a slash."""

import difflib
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gpt4all_app.options import complete_model
from gpt4all_app.output import counted
from gpt4all_app.paths import absolute
from gpt4all_app.talk import sampling, transcript
from gpt4all_app.talk.conversation import Conversation
from gpt4all_core.errors import ConfigError
from gpt4all_core.types import Image

_LINE = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)


class Leave(Exception):  # noqa: N818 - nothing went wrong
    """That the conversation is over."""


@dataclass(frozen=True, slots=True)
class Command:
    """argument: what follows its name, for the help. run: takes that text, and raises GPT4AllError, OSError
    and Leave.
    """

    name: str
    argument: str
    words: str
    run: Callable[[Conversation, str], None]


def command_of(line: str) -> tuple[Command, str] | None:
    """The command that a line calls and what it is given; None for a message.

    A message may begin with a slash. Raises ConfigError for what looks like a command and is none.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    name, argument = match[1], (match[2] or "").strip()
    for command in COMMANDS:
        if command.name == name:
            return command, argument
    near = difflib.get_close_matches(name, NAMES, n=1)
    if near:
        raise ConfigError(f"there is no command /{name}; did you mean /{near[0]}?")
    if not argument:
        raise ConfigError(f"there is no command /{name}; /help lists them")
    return None


def complete(before: str, word: str) -> Sequence[str]:
    """What the tab key offers: commands, then their folders, files, models and settings."""
    words = before.split()
    if not words:
        return [f"/{name} " for name in NAMES if f"/{name}".startswith(word)] if word else []
    match words[0]:
        case "/docs" | "/image" | "/save" | "/load":
            return _paths(word)
        case "/model":
            return complete_model(word)
        case "/set":
            return [f"{name}=" for name in sampling.NAMES if name.startswith(word)]
    return []


def _paths(word: str) -> list[str]:
    folder, _, start = word.rpartition("/")
    place = Path(f"{folder}/" if "/" in word else ".").expanduser()
    try:
        found = sorted(path for path in place.iterdir() if path.name.startswith(start))
    except OSError:
        return []
    prefix = word[: len(word) - len(start)]
    return [prefix + path.name + ("/" if path.is_dir() else " ") for path in found if " " not in path.name]


def _help(talk: Conversation, _argument: str) -> None:
    rows = [(f"/{command.name} {command.argument}".strip(), command.words) for command in COMMANDS]
    rows += [
        ('"""', "begins and ends a message of several lines; so does Alt-Enter between them"),
        ("Ctrl-C", "stops the answer; twice at the prompt leaves"),
    ]
    width = max(len(name) for name, _ in rows)
    talk.output.note("\n".join(f"{name.ljust(width)}  {words}" for name, words in rows))


def _docs(talk: Conversation, argument: str) -> None:
    names = shlex.split(argument)
    if names == ["off"]:
        talk.read_documents(())
        talk.output.note("talking without documents")
    elif names:
        talk.read_documents([Path(name) for name in names])
        if talk.system:
            talk.output.note("what /system says does not count while there are documents")
    elif talk.documents is not None:
        talk.output.note("\n".join(map(str, talk.documents.folders)))
    else:
        talk.output.note("no documents; /docs FOLDER talks about a folder")


def _image(talk: Conversation, argument: str) -> None:
    names = shlex.split(argument)
    if names == ["off"]:
        talk.pictures = ()
    else:
        talk.pictures += tuple(Image(absolute(Path(name)).read_bytes()) for name in names)
    count = len(talk.pictures)
    talk.output.note(f"{counted(count, 'picture')} with the next message" if count else "no pictures")


def _model(talk: Conversation, argument: str) -> None:
    if argument:
        talk.change_model(argument)
        talk.output.note(f"talking to {talk.model.name}")
        return
    from gpt4all_app.model_facts import listed_models  # noqa: PLC0415 - looks through the disk

    here = [facts.name for facts in listed_models(is_whole_catalog=False) if facts.role in ("chat", None)]
    talk.output.note(f"talking to {talk.model.name}; on this disk: {', '.join(here)}")


def _system(talk: Conversation, argument: str) -> None:
    if argument == "off":
        talk.system = None
    elif argument:
        talk.system = argument
    talk.output.note(f"system: {talk.system}" if talk.system else "no system message")


def _set(talk: Conversation, argument: str) -> None:
    if argument:
        talk.params = sampling.changed(talk.params, argument)
        return
    rows = sampling.shown(talk.params)
    width = max(len(name) for name, _ in rows)
    talk.output.note("\n".join(f"{name.ljust(width)}  {value}" for name, value in rows))


def _save(talk: Conversation, argument: str) -> None:
    path = _named(argument, "save")
    transcript.save(talk.turns, path)
    is_cut = any(turn.media for turn in talk.turns)
    talk.output.note(
        f"{counted(len(talk.turns), 'turn')} in {path}{', without their pictures' if is_cut else ''}"
    )


def _load(talk: Conversation, argument: str) -> None:
    path = _named(argument, "load")
    talk.go_on_from(transcript.load(path))
    talk.output.note(f"{counted(len(talk.turns), 'turn')} from {path}; the conversation goes on from there")


def _named(argument: str, command: str) -> Path:
    names = shlex.split(argument)
    if len(names) != 1:
        raise ConfigError(f"/{command} takes one file: /{command} talk.jsonl")
    return absolute(Path(names[0]))


def _stats(talk: Conversation, argument: str) -> None:
    if argument not in ("", "on", "off"):
        raise ConfigError(f"/stats is {argument}; expected on, off or nothing")
    talk.has_stats = argument == "on" or (talk.has_stats and not argument)
    if not argument:
        talk.output.note(talk.last_stats)


def _reset(talk: Conversation, _argument: str) -> None:
    talk.go_on_from(())
    talk.output.note("the conversation is forgotten")


def _exit(_talk: Conversation, _argument: str) -> None:
    raise Leave


COMMANDS = (
    Command("docs", "FOLDER… | off", "talk about folders, with sources; off: without", _docs),
    Command("image", "FILE… | off", "show pictures with the next message", _image),
    Command("model", "NAME", "go on with another model; alone: which there are", _model),
    Command("system", "TEXT | off", "what the model is told before the conversation", _system),
    Command("set", "NAME=VALUE", "as temperature=0.2; alone: all settings of answers", _set),
    Command("save", "FILE", "keep the conversation; as Markdown in a *.md", _save),
    Command("load", "FILE", "go on with a conversation that was saved", _load),
    Command("stats", "on | off", "what answers take; alone: of the last one", _stats),
    Command("reset", "", "forget the conversation", _reset),
    Command("help", "", "this list", _help),
    Command("exit", "", "leave (or Ctrl-D)", _exit),
)
NAMES = tuple(command.name for command in COMMANDS)
