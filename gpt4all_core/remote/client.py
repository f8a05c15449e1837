"""The one way out: requests to an OpenAI-compatible address. The only importer of `openai`.

OpenAI's client brings what has to be got right and changes with the servers: retries with growing pauses, in
which it keeps to `Retry-After`, and the events of streams. Connections are those of the HTTP library below.
What the client would take from the environment (a key, an organisation, headers, another address, proxies) it
is not given, and of the headers that it would send those of `_SENT` are left.
"""

import asyncio
import os
import ssl
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from gpt4all_core.engine.handle import Generation, Mailbox, Request
from gpt4all_core.errors import (
    EndpointError,
    EngineClosed,
    GenerationTimeout,
    GPT4AllError,
    MissingDependency,
)
from gpt4all_core.remote.loop_thread import LoopThread
from gpt4all_core.remote.options import EndpointOptions
from gpt4all_core.remote.refusals import refusal_error, unreadable_answer
from gpt4all_core.types import Completion, Piece

if TYPE_CHECKING:
    import openai

T = TypeVar("T")

Json = Any
"""What a server answered, as Python reads it from JSON."""

Method = Literal["get", "post"]

Write = Callable[[Json], Piece | None]
"""What one event of a stream adds to the text; None for one that adds nothing."""

_IDLE_S = 3.0
"""How long a connection without a request is kept: uvicorn and llama-server hang up after five seconds, and a
request that meets them at it is lost."""

_SENT = frozenset(
    {
        *("host", "accept", "accept-encoding", "connection", "content-type", "content-length"),
        *("transfer-encoding", "authorization", "user-agent"),
    }
)


class Endpoint:
    """An address that answers requests, and the connections to it. Nothing is sent before the first request.

    All methods may be called from any thread and any event loop; a forked child has connections of its
    own. Redirections are not followed and proxies of the environment not used: what is sent goes to
    this address. Certificates are checked against those that the system trusts (SSL_CERT_FILE names others).

        >>> endpoint = Endpoint(EndpointOptions("http://127.0.0.1:4891/v1"))
        >>> models = endpoint.ask("get", "models", read=lambda answer: answer["data"])  # doctest: +SKIP
        >>> [model["id"] for model in models.result()]  # doctest: +SKIP
        ['smollm2-135m-instruct', 'all-minilm-l6-v2']

    Raises MissingDependency without the extra `remote`, ConfigError for an address that is none.
    """

    def __init__(self, options: EndpointOptions) -> None:
        self.options = options
        self._lines: dict[int, _Line] = {}  # by process: a fork has the parent's locks as they were
        self._is_closed = False

    @property
    def address(self) -> str:
        """Where requests go, without a slash at the end."""
        return self.options.base_url

    def ask(
        self,
        method: Method,
        path: str,
        body: Json = None,
        *,
        read: Callable[[Json], T],
        timeout_s: float | None = None,
    ) -> Request[T]:
        """One answer in JSON; returns at once, wait for its `result` or `aresult`, or cancel it.

        path: below `base_url`, or below the server's root if it begins with a slash (`/props` beside
        `/v1`). read: makes the result of the JSON, which is never None, in the connections' thread; a
        LookupError, TypeError or ValueError of it becomes an EndpointError. timeout_s: for all of it, retries
        and waits included.

        The result raises EndpointError, ModelNotFound, ContextOverflow, GenerationTimeout after `timeout_s`,
        GenerationCancelled after `cancel`, EngineClosed where the endpoint was closed meanwhile.
        """

        async def work(client: "openai.AsyncOpenAI", _mailbox: Mailbox[T]) -> T:
            kind: Any = object  # JSON as it is
            with _readable(self.address):
                if method == "get":
                    return read(await client.get(self._url(path), cast_to=kind))
                return read(await client.post(self._url(path), cast_to=kind, body=body))

        return Request(self._submit(work, timeout_s), keep_alive=self)

    def run(self, work: Callable[[], Awaitable[T]]) -> Request[T]:
        """Several requests as one: what `work`, which awaits them in the connections' thread, makes of them.

        Cancelling it cancels what it awaits.
        """

        async def do(_client: "openai.AsyncOpenAI", _mailbox: Mailbox[T]) -> T:
            return await work()

        return Request(self._submit(do, None), keep_alive=self)

    def stream(
        self,
        path: str,
        body: Json,
        *,
        write: Write,
        end: Callable[[], Completion],
        timeout_s: float | None = None,
    ) -> Generation:
        """An answer as a stream of events, a handle like that of an engine.

        write: is given each event's JSON, in the connections' thread. end: what came of them, called once the
        stream is over; a ValueError of either becomes an EndpointError. Leaving, cancelling or dropping the
        handle closes the connection, by which servers notice. Otherwise as `ask`.
        """

        async def work(client: "openai.AsyncOpenAI", mailbox: Mailbox[Completion]) -> Completion:
            import openai  # noqa: PLC0415 - an extra

            kind: Any = object
            stream_kind: Any = openai.AsyncStream[object]
            with _readable(self.address):
                events: openai.AsyncStream[Json] = await client.post(
                    self._url(path), cast_to=kind, body=body, stream=True, stream_cls=stream_kind
                )
                try:
                    async for event in events:
                        if (piece := write(event)) is not None:
                            mailbox.push(piece)
                finally:
                    await events.close()
                return end()

        return Generation(self._submit(work, timeout_s), keep_alive=self)

    def close(self) -> None:
        """Break off what is under way and close the connections; for good, and idempotent."""
        self._is_closed = True
        line = self._lines.get(os.getpid())
        if line is not None:
            line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(
        self,
        work: "Callable[[openai.AsyncOpenAI, Mailbox[T]], Awaitable[T]]",
        timeout_s: float | None,
    ) -> Mailbox[T]:
        if self._is_closed:
            raise EngineClosed(
                f"the connections to {self.address} were closed; make a new object to use them"
            )
        line = self._lines.get(os.getpid()) or self._lines.setdefault(os.getpid(), _Line(self.options))
        return line.submit(partial(_in_time, work, timeout_s=timeout_s, address=self.address))

    def _url(self, path: str) -> str:
        return self.options.root + path if path.startswith("/") else f"{self.address}/{path}"


class _Line:
    """The connections of one process, made at its first request."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._client: openai.AsyncOpenAI | None = None
        self._thread: LoopThread | None = None
        self._abandon: weakref.finalize[[], Any] | None = None
        self._is_closed = False

    def submit(self, work: "Callable[[openai.AsyncOpenAI, Mailbox[T]], Awaitable[T]]") -> Mailbox[T]:
        with self._lock:
            if self._is_closed:
                raise EngineClosed(f"the connections to {self._options.base_url} were closed")
            if self._client is None or self._thread is None:
                self._client = _client(self._options)
                self._thread = LoopThread(
                    self._client.close, ended=f"the connections to {self._options.base_url} were closed"
                )
                self._abandon = weakref.finalize(self, self._thread.stop)
                self._abandon.atexit = False
            client = self._client

            async def do(mailbox: Mailbox[T]) -> T:
                return await work(client, mailbox)

            return self._thread.submit(do)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            thread = self._thread
        if thread is not None:
            thread.stop()
            thread.join()


async def _in_time(
    work: "Callable[[openai.AsyncOpenAI, Mailbox[T]], Awaitable[T]]",
    client: "openai.AsyncOpenAI",
    mailbox: Mailbox[T],
    *,
    timeout_s: float | None,
    address: str,
) -> T:
    import openai  # noqa: PLC0415 - an extra

    try:
        async with asyncio.timeout(timeout_s) as clock:
            try:
                return await work(client, mailbox)
            except openai.APIError as error:
                raise _translated(error, address) from error
    except TimeoutError:
        if clock.expired() and timeout_s is not None:
            raise GenerationTimeout(timeout_s) from None
        raise


@contextmanager
def _readable(address: str) -> Iterator[None]:
    """Around reading an answer: what is not in OpenAI's form is an EndpointError."""
    try:
        yield
    except GPT4AllError:  # some of which are a ValueError, too
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise unreadable_answer(f"{type(error).__name__}: {error}", address=address) from error


def _translated(error: "openai.APIError", address: str) -> GPT4AllError:
    import openai  # noqa: PLC0415 - an extra

    if isinstance(error, openai.APIStatusError):
        return refusal_error(error.status_code, error.body or error.response.text, address=address)
    if isinstance(error, openai.APITimeoutError):
        reason, advice = "did not answer in time", "allow more with timeout_s, or look whether it hangs"
    elif isinstance(error, openai.APIConnectionError):
        cause = str(error.__cause__ or error) or type(error.__cause__).__name__
        reason, advice = f"cannot be reached, or hung up ({cause})", "look whether it runs there"
    else:
        return refusal_error(None, error.body or error.message, address=address)
    return EndpointError(f"{address} {reason}; {advice}", address=address)


def _client(options: EndpointOptions) -> "openai.AsyncOpenAI":
    try:
        import httpx2  # noqa: PLC0415 - an extra; what `openai` speaks HTTP with
        import openai  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingDependency("openai, which talks to models behind an address,", extra="remote") from error
    key = options.key

    async def bare(request: httpx2.Request) -> None:
        for name in [name for name in request.headers if name.lower() not in _SENT]:
            del request.headers[name]
        request.headers["user-agent"] = f"gpt4all-adapters/{version('gpt4all-adapters')}"
        if key is None:
            request.headers.pop("authorization", None)

    return openai.AsyncOpenAI(
        base_url=options.base_url,
        api_key=key or "none",  # the client asks for some; the hook takes it out again
        max_retries=options.max_retries,
        http_client=httpx2.AsyncClient(
            timeout=httpx2.Timeout(options.timeout_s, connect=options.connect_timeout_s, pool=None),
            limits=httpx2.Limits(
                max_connections=options.max_connections,
                max_keepalive_connections=options.max_connections,
                keepalive_expiry=_IDLE_S,
            ),
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            event_hooks={"request": [bare]},
        ),
        timeout=httpx2.Timeout(options.timeout_s, connect=options.connect_timeout_s, pool=None),
    )
