"""One model's engine: requests come in from anywhere, one owner thread serves them all.

One step: take in what arrived → admit waiting requests to slots → plan → decode one batch → sample
every row that is complete → hand out text. `loop` has the steps; here is how one gets in and out.
"""

import contextlib
import itertools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from collections.abc import Sequence as ListOf
from concurrent.futures import Future
from typing import Self

from gpt4all_core.engine.backend import PLAIN, AdapterSet, Backend, ThreadPolicy, Vocabulary
from gpt4all_core.engine.counters import Counters
from gpt4all_core.engine.detokenize import TextStream
from gpt4all_core.engine.handle import Generation, Mailbox, Scoring
from gpt4all_core.engine.image_rows import ImageRows, check_images
from gpt4all_core.engine.kv_cache import KVCache
from gpt4all_core.engine.loop import Loop
from gpt4all_core.engine.sampling import Sampler, check_params
from gpt4all_core.engine.saved_cells import CellStore
from gpt4all_core.engine.score_request import check_texts, scoring_sequence
from gpt4all_core.engine.score_tree import ScoredText
from gpt4all_core.engine.sequence import Sequence
from gpt4all_core.engine.speculation import GuessPolicy
from gpt4all_core.errors import ConfigError, ContextOverflow, EngineBusy, EngineClosed
from gpt4all_core.protocols import TokenMatcher
from gpt4all_core.types import Completion, GenerationParams, Loglikelihood

_log = logging.getLogger(__name__)

QUIET_S = 1.0
"""Seconds without a request after which conversations are saved: who answers at once is not held up."""


class Engine:
    """Runs one backend for any number of threads and event loops at once.

    context_size: most tokens of one request, prompt and answer together.
    max_waiting: most requests beyond those that the backend has sequences for; None for no bound.
    stores: where the cells of idle conversations go, from the quickest to the slowest.
    governor: decides how many threads to compute with, step by step; None leaves that alone.
    guessing: decides how many tokens that probably come next are decoded together, which changes the shape
    of batches and with it the last bits of some models' logits; None decodes one by one.
    on_closed: called by the owner thread after it freed the backend; what the backend stands on
    may go only then.

    `submit` may be called from any thread; after a fork the child must open its own.
    """

    def __init__(
        self,
        backend: Backend,
        vocabulary: Vocabulary,
        *,
        context_size: int,
        max_waiting: int | None = None,
        stores: ListOf[CellStore] = (),
        governor: ThreadPolicy | None = None,
        guessing: GuessPolicy | None = None,
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        if context_size > backend.cell_count:
            raise ConfigError(
                f"context_size={context_size} is more than the KV cache holds ({backend.cell_count} cells)"
            )
        if backend.sequence_limit > backend.batch_limit:
            raise ConfigError(
                f"parallel={backend.sequence_limit} is more than a batch has rows ({backend.batch_limit}),"
                " so some requests would never have their turn; choose a smaller one"
            )
        self.context_size = context_size
        self._backend = backend
        self._vocabulary = vocabulary
        self._on_closed = on_closed
        self._max_in_flight = None if max_waiting is None else backend.sequence_limit + max_waiting
        self._in_flight = 0
        self._last_used_s = time.monotonic()
        self._kv = KVCache(backend, stores)
        self._loop = Loop(
            backend,
            vocabulary,
            self._kv,
            governor=governor,
            guessing=guessing,
            on_end=self._count_out,
        )
        self._numbers = itertools.count()
        # Its put is re-entrant and takes no lock, so that finalizers may cancel; None only wakes.
        self._inbox: queue.SimpleQueue[Sequence | Future[None] | None] = queue.SimpleQueue()
        self._gate = threading.RLock()  # no request enters once the engine is closed
        self._closed_because: str | None = None
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="gpt4all-engine", daemon=True)
        self._has_ended = threading.Event()

    def start(self) -> Self:
        """Start the owner thread; call it once, before the first `submit`."""
        self._thread.start()
        return self

    @property
    def counters(self) -> Counters:
        """A copy of the counters as they are now."""
        return self._loop.counters

    @property
    def is_open(self) -> bool:
        """Whether requests are accepted: not closed, not failed, not in a forked child."""
        return self._closed_because is None and os.getpid() == self._pid

    @property
    def is_busy(self) -> bool:
        """Whether a request is in flight."""
        return self._in_flight > 0

    @property
    def idle_s(self) -> float:
        """Seconds since the last request came or went; 0 while one is in flight."""
        return 0.0 if self.is_busy else time.monotonic() - self._last_used_s

    def submit(
        self,
        prompt: ListOf[int],
        params: GenerationParams,
        *,
        matcher: TokenMatcher | None = None,
        shown: ListOf[int] = (),
        images: Mapping[int, ImageRows] | None = None,
        adapters: AdapterSet = PLAIN,
        timeout_s: float | None = None,
        keep_alive: object = None,
        on_end: Callable[[], None] | None = None,
    ) -> Generation:
        """Queue a prompt of token ids; returns at once with the handle of the request.

        shown: special tokens whose text is part of the answer; of others nothing is seen.
        images: the pictures that negative ids in the prompt stand for, by where their rows begin.
        adapters: what the backend computes with beside the model's weights. on_end: called by the owner
        thread once the request has its outcome, unless this raises; it may not block.
        After `timeout_s` seconds from now it is cancelled and ends with GenerationTimeout.
        `keep_alive` lives as long as the handle. Raises ConfigError for impossible parameters or
        prompts, ContextOverflow when the prompt leaves no room for an answer, EngineBusy when as
        many wait as may, EngineClosed after `close` or in a forked child.
        """
        check_params(params)
        self._check_prompt(prompt, images or {})
        wanted = self.context_size if params.max_tokens is None else len(prompt) + params.max_tokens
        mailbox = Mailbox[Completion](self._wake)
        sequence = Sequence(
            number=next(self._numbers),
            tokens=list(prompt),
            params=params,
            limit=min(self.context_size, wanted),
            mailbox=mailbox,
            sampler=Sampler(
                params, vocabulary=self._vocabulary, vocabulary_size=self._backend.vocabulary_size
            ),
            text=TextStream(params.stop),
            matcher=matcher,
            shown=frozenset(shown),
            images=images or {},
            adapters=adapters,
            timeout_s=timeout_s,
            prompt_length=len(prompt),
        )
        self._enqueue(sequence, on_end)
        mailbox.prompt_tokens = len(prompt)
        return Generation(mailbox, keep_alive=keep_alive)

    def score(
        self,
        texts: ListOf[ScoredText],
        *,
        adapters: AdapterSet = PLAIN,
        timeout_s: float | None = None,
        keep_alive: object = None,
        on_end: Callable[[], None] | None = None,
    ) -> Scoring:
        """Queue texts of token ids whose ends are to be scored; returns at once with the request's handle.

        What texts have in common is decoded once. They are decoded in one sequence, one after the other,
        beside what else runs, and come after it. The other arguments are as for `submit`, and so is what
        it raises: ContextOverflow for a text that does not fit.
        """
        check_texts(texts, vocabulary_size=self._backend.vocabulary_size, context_size=self.context_size)
        mailbox = Mailbox[tuple[Loglikelihood, ...]](self._wake)
        number = next(self._numbers)
        sequence = scoring_sequence(number, texts, mailbox=mailbox, adapters=adapters, timeout_s=timeout_s)
        self._enqueue(sequence, on_end)
        return Scoring(mailbox, keep_alive=keep_alive)

    def check_integrity(self) -> None:
        """Raise AssertionError if slots and cells do not add up, or differ from what the backend holds.

        For tests and those who look for faults; done between two steps. Raises EngineClosed.
        """
        checked: Future[None] = Future()
        with self._gate:
            if self._closed_because is not None:
                raise EngineClosed(self._closed_because)
            self._inbox.put(checked)
        checked.result()

    def close(self, *, wait: bool = True) -> None:
        """Fail what is in flight, end the owner thread, free the backend. Idempotent.

        Returns when the thread has ended, after the step that is under way; with `wait` false at
        once, which is what a finalizer may ask for.
        """
        if os.getpid() != self._pid:
            return  # the thread, and perhaps the lock's holder, live in the parent process
        self._refuse_requests("the model was closed; open it again to use it")
        self._wake()
        has_started = self._thread.ident is not None
        if wait and has_started and threading.current_thread() is not self._thread:
            # Before Python 3.13 a join that Ctrl-C interrupts takes its thread for ended, for good.
            self._has_ended.wait()
            self._thread.join()

    def _enqueue(self, sequence: Sequence, on_end: Callable[[], None] | None) -> None:
        timeout_s = sequence.timeout_s
        if timeout_s is not None and not timeout_s > 0:
            raise ConfigError(f"timeout_s={timeout_s!r} cannot be used; it must be above 0, or None")
        if os.getpid() != self._pid:
            raise EngineClosed("this model was opened before a fork; open it again in the child process")
        if on_end is not None:
            sequence.on_end = on_end
        with self._gate:
            if self._closed_because is not None:
                raise EngineClosed(self._closed_because)
            self._count_in()
            self._inbox.put(sequence)

    def _check_prompt(self, prompt: ListOf[int], images: Mapping[int, ImageRows]) -> None:
        if not prompt:
            raise ConfigError("the prompt is empty; there is nothing to continue")
        if len(prompt) >= self.context_size:
            raise ContextOverflow(len(prompt), self.context_size)
        size = self._backend.vocabulary_size
        strangers = [token for token in prompt if token >= size or (token < 0 and not images)]
        if strangers:
            raise ConfigError(f"token {strangers[0]} of the prompt is not in the vocabulary of {size}")
        if images:
            check_images(prompt, images, width=self._backend.image_width, limit=self._backend.image_limit)

    def _count_in(self) -> None:
        if self._max_in_flight is not None and self._in_flight >= self._max_in_flight:
            raise EngineBusy(self._in_flight - self._backend.sequence_limit)
        self._in_flight += 1
        self._last_used_s = time.monotonic()

    def _count_out(self) -> None:
        with self._gate:
            self._in_flight -= 1
            self._last_used_s = time.monotonic()

    def _refuse_requests(self, reason: str) -> None:
        with self._gate:
            self._closed_because = self._closed_because or reason

    def _wake(self) -> None:
        self._inbox.put(None)

    # From here on: the owner thread.

    def _run(self) -> None:
        try:
            while self._take_news():
                self._loop.step()
            self._fail_all(self._closed_because or "")
            self._kv.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            _log.exception("an engine stopped")
            reason = f"the engine stopped: {error!r}; open the model again"
            self._refuse_requests(reason)
            self._fail_all(reason, cause=error)
        finally:
            try:
                self._backend.close()
            finally:
                try:
                    self._on_closed()
                finally:
                    self._has_ended.set()

    def _take_news(self) -> bool:
        """Take in what arrived, and wait for it when idle; False when the engine is to end."""
        is_idle = not self._loop.has_work
        while self._closed_because is None:
            try:
                news = self._next_news(may_wait=is_idle)
            except queue.Empty:
                return True
            if isinstance(news, Future):
                self._check(news)
                continue
            is_idle = False
            if news is not None:
                self._loop.take(news)
        return False

    def _next_news(self, *, may_wait: bool) -> "Sequence | Future[None] | None":
        """What came next, waited for if it may be; long waits are put to use. Raises queue.Empty."""
        if not may_wait:
            return self._inbox.get(block=False)
        with contextlib.suppress(queue.Empty):
            return self._inbox.get(timeout=QUIET_S)
        while self._loop.rest(self._has_news):
            pass
        return self._inbox.get()

    def _has_news(self) -> bool:
        return not self._inbox.empty()

    def _check(self, checked: Future[None]) -> None:
        try:
            self._kv.slots.check_integrity()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
            checked.set_exception(error)
        else:
            checked.set_result(None)

    def _fail_all(self, reason: str, *, cause: BaseException | None = None) -> None:
        while not self._inbox.empty():
            news = self._inbox.get()
            if isinstance(news, Future):
                news.set_exception(EngineClosed(reason))
            elif news is not None:
                self._loop.take(news)
        self._loop.fail_all(reason, cause=cause)
