"""Whatever an adapter does before a model answers, its event loop runs on, and leaving undoes it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest
from adapter_faces import FACES
from langchain_core.exceptions import ContextOverflowError

from gpt4all_core.chat_reply import ChatReply
from gpt4all_core.engine.handle import Generation, Mailbox
from gpt4all_core.errors import ContextOverflow, GenerationCancelled, ModelNotFound
from gpt4all_core.shared_models import ModelRecipe
from gpt4all_core.testing import ScriptedChatModel
from langchain_gpt4all import ChatGPT4All
from langchain_gpt4all import GPT4All as LangChainLLM

PATIENCE_S = 10
SHORT = [("user", "Say hello.")]
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "", "parameters": PLACE}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "Place", "schema": PLACE}}


class Scripted(ScriptedChatModel):
    is_open = True

    @property
    def path(self):
        raise ModelNotFound("a scripted model has no file")

    def open(self):
        return self

    def close(self):
        pass


class NeedsTheLoop(Scripted):
    """Goes on only when the event loop has turned meanwhile."""

    is_open = False

    def __init__(self):
        super().__init__(["Hello."])
        self.turned = threading.Event()
        self.waits = []

    def wait(self, step):
        self.turned.clear()
        self.waits.append((step, self.turned.wait(PATIENCE_S)))

    def open(self):
        self.wait("open")
        self.is_open = True
        return self

    def constrain(self, **rule):
        self.wait("constrain")
        return super().constrain(**rule)

    def chat(self, messages, params=None, *, timeout_s=None, **options):
        self.wait("chat")
        return super().chat(messages, params, **options)


async def until(condition):
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came about")


class NothingSaid:
    def push(self, _text):
        return []

    def finish(self):
        return []


def endless(cancelled):
    """The handle of a request that ends when it is cancelled."""
    mailbox = Mailbox(lambda: cancelled.append(1) or mailbox.finish(GenerationCancelled("left")))
    return ChatReply(Generation(mailbox), NothingSaid())


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ({}, {}),
        ({"isolate": True}, {}),
        ({}, {"tools": [TOOL]}),
        ({}, {"response_format": FORMAT}),
        ({}, {"adapters": {"style.gguf": 1.0}}),
        ({}, {"reasoning": True, "reasoning_budget": 9}),
    ],
    ids=["plain", "isolate", "tools", "schema", "adapters", "reasoning"],
)
@pytest.mark.parametrize("is_stream", [False, True], ids=["answer", "stream"])
async def test_the_loop_turns_while_a_request_is_prepared(monkeypatch, kind, arguments, asked, is_stream):
    model = NeedsTheLoop()
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model.wait("make") or model)
    face = kind(**arguments)

    async def turn():
        while True:
            model.turned.set()
            await asyncio.sleep(0.001)

    turning = asyncio.create_task(turn())
    await (face.astream if is_stream else face.achat)(SHORT, **asked)
    turning.cancel()
    steps = ["make", "open", *(["constrain"] if "response_format" in asked else []), "chat"]
    assert model.waits == [(step, True) for step in steps]


class Preparing(Scripted):
    """Makes requests that end when they are cancelled; the first only once it may."""

    def __init__(self):
        super().__init__()
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        self.cancelled = []

    def chat(self, *_arguments, **_options):
        self.begun.set()
        assert self.may_go_on.wait(PATIENCE_S)
        return endless(self.cancelled)


@pytest.mark.parametrize("kind", FACES)
async def test_leaving_while_a_request_is_prepared_cancels_it(monkeypatch, kind):
    model = Preparing()
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model)
    asking = asyncio.create_task(kind().achat(SHORT))
    await until(model.begun.is_set)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert model.cancelled == []
    model.may_go_on.set()
    await until(lambda: model.cancelled)


COLD = """
import asyncio, sys, threading

class Watch:
    threads = []
    def find_spec(self, name, path=None, target=None):
        if name == "gpt4all_core.local_model":
            self.threads.append(threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Watch())
if sys.argv[1] == "LangChainFace":
    from langchain_gpt4all import ChatGPT4All
    asking = ChatGPT4All(model="missing.gguf").ainvoke("hello")
else:
    from llamaindex_gpt4all import GPT4All
    asking = GPT4All(model="missing.gguf").acomplete("hello")
try:
    asyncio.run(asking)
except LookupError as error:
    print(type(error).__name__, Watch.threads)
"""


@pytest.mark.parametrize("kind", FACES)
def test_a_first_call_imports_the_core_in_a_thread(kind):
    command = [sys.executable, "-c", COLD, kind.__name__]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout) == (0, "ModelNotFound [False]\n"), ended.stderr


class Endless(Scripted):
    """Answers that end when they are cancelled; a question of "long" does not fit. `full` is called when
    all but that one are asked.
    """

    def __init__(self, count, full):
        super().__init__()
        self.cancelled = []
        self._barrier = threading.Barrier(count, action=full)

    def chat(self, messages, *_arguments, **_options):
        self._barrier.wait(PATIENCE_S)
        if messages[-1].text == "long":
            raise ContextOverflow(9, 8)
        return endless(self.cancelled)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole groups of processes")
def test_ctrl_c_ends_a_batch_with_all_that_it_asked(monkeypatch):
    main = threading.main_thread().ident
    model = Endless(4, lambda: signal.pthread_kill(main, signal.SIGINT))
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model)
    with pytest.raises(KeyboardInterrupt):
        ChatGPT4All().batch(["a", "b", "c", "d"])
    assert len(model.cancelled) == 4


@pytest.mark.parametrize("is_async", [False, True], ids=["batch", "abatch"])
async def test_the_first_error_of_a_batch_ends_the_others(monkeypatch, is_async):
    model = Endless(4, lambda: None)
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model)
    chat, questions = ChatGPT4All(), ["a", "b", "c", "long"]
    asking = chat.abatch(questions) if is_async else asyncio.to_thread(chat.batch, questions)
    with pytest.raises(ContextOverflowError):
        await asking
    await until(lambda: len(model.cancelled) == 3)


async def test_a_completion_is_prepared_in_a_thread_too(monkeypatch):
    threads = []
    model = Preparing()

    def complete(*_arguments, **_options):
        threads.append(threading.current_thread())
        raise ContextOverflow(9, 8)

    monkeypatch.setattr(model, "complete", complete, raising=False)
    monkeypatch.setattr(ModelRecipe, "make", lambda _recipe: model)
    with pytest.raises(ContextOverflowError):
        await LangChainLLM().ainvoke("hello")
    assert threads
    assert threading.main_thread() not in threads
