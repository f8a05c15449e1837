"""The parent's side of an isolated engine: it looks like the engine in this process."""

import itertools
import os
import queue
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import finalize

from gpt4all_core.constrain.matcher import GrammarConstraint
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.handle import Generation, Mailbox, Scoring
from gpt4all_core.engine.image_rows import ImageRows, PromptImage
from gpt4all_core.engine.sampling import check_params
from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.errors import ConfigError, EngineClosed, EngineCrashed, GenerationTimeout
from gpt4all_core.isolated.child_process import ChildProcess
from gpt4all_core.isolated.constraint import IsolatedConstraint
from gpt4all_core.isolated.failures import no_media, rebuild
from gpt4all_core.isolated.messages import (
    Accepted,
    Alive,
    Answer,
    BrokenRules,
    Cancel,
    Close,
    Compile,
    Compiled,
    Counted,
    Ended,
    Facts,
    Failed,
    Forget,
    Numbered,
    Open,
    Opened,
    ReadCounters,
    ReadFacts,
    Score,
    Scored,
    Submit,
    Text,
    Tokenize,
    Tokens,
    absolute,
    read_reply,
    request_frame,
)
from gpt4all_core.isolated.patience import DEATH_S, PATIENCE, Clock, Patience
from gpt4all_core.open_model import EngineOptions, Hardware, PromptFacts
from gpt4all_core.protocols import Constraint
from gpt4all_core.types import Adapter, GenerationParams

CHILD_MODULE = "gpt4all_core.isolated_child"

_CLOSING = 0  # the clock's number for closing, which no request has

A = TypeVar("A", bound=Answer)


class IsolatedEngine:
    """A model open in a child process; see the package's docstring. Made by `start_isolated`.

    Thread-safe. Each public method raises EngineCrashed once the child has died, or when it is killed
    because it gives no answer within `patience`; EngineClosed after `close` or in a forked child.
    """

    def __init__(self, path: Path, child: ChildProcess, *, patience: Patience = PATIENCE) -> None:
        self._path = path
        self._patience = patience
        self._child = child
        self._pid = os.getpid()
        self._numbers = itertools.count(1)
        self._gate = threading.RLock()  # nothing is asked any more once the end is known
        self._answers: dict[int, tuple[type[Any], Future[Any]]] = {}
        self._mailboxes: dict[int, Mailbox[Any]] = {}
        self._last_used = time.monotonic()
        self._facts: PromptFacts | None = None
        self._hardware: Hardware | None = None
        self._is_closing = False
        self._offence = ""
        self._crash: str | None = None
        self._is_over = False
        # Its put is re-entrant and takes no lock, so that finalizers may cancel; None ends the writer.
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._clock = Clock()
        self._writer = threading.Thread(target=self._write, name="gpt4all-isolated-requests", daemon=True)
        self._reader = threading.Thread(target=self._read, name="gpt4all-isolated-replies", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def process_id(self) -> int:
        """The child's, for whoever watches processes."""
        return self._child.pid

    @property
    def is_open(self) -> bool:
        return not (self._is_closing or self._is_over) and os.getpid() == self._pid

    @property
    def idle_s(self) -> float:
        """Seconds since its last request came or ended; 0 while somebody waits for an answer."""
        return 0.0 if self._is_waited_for else time.monotonic() - self._last_used

    def retire(self) -> bool:
        """Begin to close unless somebody waits for an answer; False if so."""
        with self._gate:
            if self._is_waited_for:
                return False
            self.begin_close()
        return True

    @property
    def hardware(self) -> Hardware:
        if self._hardware is None:
            raise AssertionError("an engine that was started says what it runs on")
        return self._hardware

    @property
    def facts(self) -> PromptFacts:
        if self._facts is None:
            self._facts = self._ask(ReadFacts(next(self._numbers)), Facts).facts
        return self._facts

    @property
    def counters(self) -> Counters:
        return self._ask(ReadCounters(next(self._numbers)), Counted).counters

    def tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        written = text.encode("utf-8", "replace").decode()
        return self._ask(Tokenize(next(self._numbers), written, parse_special), Tokens).tokens

    def read_image(self, data: bytes) -> PromptImage:  # noqa: ARG002 - an OpenModel's
        raise no_media(self._path)

    read_audio = read_image

    def compile_grammar(self, lark: str) -> IsolatedConstraint:
        number = next(self._numbers)
        self._ask(Compile(number, lark), Compiled)
        constraint = IsolatedConstraint(lark, owner=self, number=number)
        finalize(constraint, self._outbox.put, request_frame(Forget(number))).atexit = False
        return constraint

    def score(
        self,
        texts: Sequence[ScoredText],
        *,
        adapters: Sequence[Adapter] = (),
        timeout_s: float | None,
        keep_alive: object,
    ) -> Scoring:
        """Queue texts to be scored; the rest is as for `submit`."""
        message = Score(next(self._numbers), list(texts), absolute(adapters), timeout_s)
        return Scoring(self._begin(message), keep_alive=keep_alive)

    def submit(
        self,
        tokens: list[int],
        params: GenerationParams,
        *,
        constraint: Constraint | None,
        shown: Sequence[int] = (),
        images: Mapping[int, ImageRows] | None = None,
        timeout_s: float | None,
        keep_alive: object,
    ) -> Generation:
        """Queue a prompt; returns when the child has accepted it. Raises what `Engine.submit` does.

        Should the child hang, the request ends with GenerationTimeout `overdue_s` after its `timeout_s`
        all the same, which is raised here if it was not accepted by then.
        A grammar of another model, or of a child that has died, is compiled anew. A constraint that
        brings a matcher of its own is refused with ConfigError.
        """
        check_params(params)
        if images:
            raise no_media(self._path)
        params = replace(params, adapters=absolute(params.adapters))
        grammar = self._grammar(constraint)
        rule = grammar.number if grammar is not None else None
        message = Submit(next(self._numbers), tokens, params, timeout_s, rule, list(shown))
        return Generation(self._begin(message), keep_alive=keep_alive)

    def close(self) -> None:
        """End the child, and return when it is gone; what is in flight fails. Idempotent.

        A child that hangs is killed `silence_s` after its last sign of life.
        """
        self.begin_close()
        if os.getpid() == self._pid and threading.current_thread() is not self._reader:
            self._reader.join()

    def begin_close(self) -> None:
        if os.getpid() == self._pid and not self._is_closing:
            self._is_closing = True
            self._last_used = now = time.monotonic()
            self._outbox.put(request_frame(Close()))
            self._watch_closing(now + self._patience.closing_s)

    def start(self, options: EngineOptions) -> None:
        """Have the child load the model. Raises what it raises in this process."""
        if options.projector is not None:
            raise no_media(self._path)
        self._hardware = self._ask(Open(self._path, replace(options, isolate=False)), Opened).hardware

    def _grammar(self, constraint: Constraint | None) -> IsolatedConstraint | None:
        if constraint is None:
            return None
        if isinstance(constraint, GrammarConstraint):
            return self.compile_grammar(constraint.lark)
        if not isinstance(constraint, IsolatedConstraint):
            raise ConfigError(
                f"a {type(constraint).__name__} makes its own token matcher, which cannot follow an isolated"
                " model into its process; use the model's constrain(), or open it with isolate=False"
            )
        return constraint if constraint.owner is self else self.compile_grammar(constraint.lark)

    def _begin(self, message: Submit | Score) -> Mailbox[Any]:
        """Have the child take on a request; what comes of it goes to the mailbox."""
        mailbox = Mailbox[Any](partial(self._outbox.put, request_frame(Cancel(message.number))))
        mailbox.prompt_tokens = len(message.tokens) if isinstance(message, Submit) else 0
        try:
            self._ask(message, Accepted, mailbox)
        except BaseException:
            mailbox.cancel()
            raise
        return mailbox

    def _ask(self, message: Numbered, kind: type[A], mailbox: Mailbox[Any] | None = None) -> A:
        """Send a message and wait for its answer."""
        if os.getpid() != self._pid:
            raise EngineClosed("this model was opened before a fork; open it again in the child process")
        frame, number = request_frame(message), message.number
        future: Future[A] = Future()
        with self._gate:
            if self._is_over or self._is_closing:
                raise self._ending()
            self._last_used = time.monotonic()
            self._answers[number] = (kind, future)
            if mailbox is not None:
                self._mailboxes[number] = mailbox
            if isinstance(message, Submit | Score) and message.timeout_s is not None:
                expire = partial(self._expire, number, message.timeout_s)
                self._clock.set(number, message.timeout_s + self._patience.overdue_s, expire)
            self._outbox.put(frame)
        bound_s = None if isinstance(message, Open) else self._patience.answer_s
        if not wait([future], bound_s).done:
            self._put_down(f"gave no answer to {message.kind!r} within {bound_s:g} s")
        return future.result()

    def _put_down(self, offence: str) -> None:
        """Kill the child; the reader then tells all who wait."""
        self._offence = self._offence or f"was stopped because it {offence}; it "
        self._child.kill()

    # From here on: the clock's thread.

    def _expire(self, number: int, timeout_s: float) -> None:
        """The child should have ended this request by now: do it here, and give it a while to follow."""
        with self._gate:
            mailbox = self._mailboxes.get(number)
            if mailbox is None:
                return
            # What the child still says of it is taken, and read by nobody.
            self._mailboxes[number] = Mailbox(lambda: None)
            kind, waiting = self._answers.get(number, (None, None))
            if kind is not None and waiting is not None:
                self._answers[number] = (kind, Future())
                waiting.set_exception(GenerationTimeout(timeout_s))
            mailbox.finish(GenerationTimeout(timeout_s))
            self._outbox.put(request_frame(Cancel(number)))
            within_s = self._patience.answer_s
            give_up = partial(self._put_down, f"did not end a request within {within_s:g} s of its time")
            self._clock.set(number, within_s, give_up)

    def _watch_closing(self, end: float) -> None:
        """Kill the child when it takes too long to close, or is silent for too long meanwhile."""
        now = time.monotonic()
        left_s = min(self._last_used + self._patience.silence_s, end) - now
        if left_s <= 0:
            self._child.kill()
        else:
            self._clock.set(_CLOSING, left_s, partial(self._watch_closing, end))

    # From here on: the threads of the two pipes.

    def _write(self) -> None:
        pipe = self._child.requests
        try:
            while (frame := self._outbox.get()) is not None:
                pipe.write(frame)
                pipe.flush()
        except OSError:  # the child is gone; the reader knows how it ended
            return
        finally:
            self._close_requests()

    def _close_requests(self) -> None:
        try:
            self._child.requests.close()
        except OSError:  # what was not flushed has nobody to read it
            return

    def _read(self) -> None:
        try:
            while (reply := read_reply(self._child.replies)) is not None:
                self._last_used = time.monotonic()
                if not isinstance(reply, Alive):
                    with self._gate:
                        self._take(reply)
        except Exception as error:  # noqa: BLE001 - whatever it sent, nobody may wait for ever
            self._put_down(f"broke the rules ({error})")
        # Who asks meanwhile waits at the gate for the reason.
        with self._gate:
            self._is_over = True
            ending = self._child.bury(self._patience.closing_s if self._is_closing else DEATH_S)
            self._finish(self._offence + ending.manner)

    @property
    def _is_waited_for(self) -> bool:
        return bool(self._answers or self._mailboxes)

    def _take(self, reply: Answer | Text | Ended | Scored | Failed) -> None:
        number = reply.number
        if isinstance(reply, Text):
            self._mailbox(number).push(reply.piece)
        elif isinstance(reply, Ended | Scored):
            self._mailbox(number).finish(reply.outcome)
            del self._mailboxes[number]
            self._clock.drop(number)
        elif isinstance(reply, Failed):
            error = rebuild(reply.failure)
            _, waiting = self._answers.pop(number, (None, None))
            mailbox = self._mailboxes.pop(number, None)
            self._clock.drop(number)
            if mailbox is not None:
                mailbox.finish(error)
            if waiting is not None:
                waiting.set_exception(error)
            elif mailbox is None:
                raise BrokenRules(f"a failure of {number}, which nobody waits for")
        else:
            self._answer(reply)

    def _answer(self, reply: Answer) -> None:
        kind, waiting = self._answers.get(reply.number, (None, None))
        if waiting is None or kind is not type(reply):
            raise BrokenRules(f"the answer {reply.kind} to {reply.number}, which did not ask for it")
        del self._answers[reply.number]
        waiting.set_result(reply)

    def _mailbox(self, number: int) -> Mailbox[Any]:
        if number not in self._mailboxes:
            raise BrokenRules(f"text for {number}, which nobody reads")
        return self._mailboxes[number]

    def _finish(self, manner: str) -> None:
        """Nothing will come any more: tell all who wait."""
        if not self._is_closing:
            self._crash = (
                f"the process that ran the isolated model {self._path.name} {manner};"
                " the next request starts another. If this file brings that about again, use another file"
            )
        self._outbox.put(None)
        self._clock.stop()
        while self._answers:
            self._answers.popitem()[1][1].set_exception(self._ending())
        while self._mailboxes:
            self._mailboxes.popitem()[1].finish(self._ending())

    def _ending(self) -> EngineClosed:
        """An error of its own for each who waits: a traceback grows on it."""
        if self._crash is not None:
            return EngineCrashed(self._crash)
        return EngineClosed("the model was closed; open it again to use it")


def start_isolated(path: Path, options: EngineOptions, *, patience: Patience = PATIENCE) -> IsolatedEngine:
    """A model file opened in a new child process.

    Raises what opening it in this process raises (ModelLoadError, ConfigError), EngineCrashed when
    llama.cpp ends the child while it loads the file, and ConfigError where there is no interpreter
    to start.
    """
    child = ChildProcess(CHILD_MODULE)
    engine = IsolatedEngine(path, child, patience=patience)
    try:
        engine.start(options)
    except BaseException:
        child.kill()
        engine.close()
        raise
    return engine
