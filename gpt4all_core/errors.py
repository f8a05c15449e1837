"""Every error this project raises on purpose, in one tree.

GPT4AllError
├─ ConfigError(ValueError)                  an argument, variable or file asks for something impossible
│  └─ UnsupportedParameter                  an option that exists nowhere, or not for this model
├─ MissingDependency(ImportError)           an extra is not installed; the message names it
├─ ModelError                               a model cannot be found, fetched or loaded
│  ├─ ModelNotFound(LookupError)
│  ├─ DownloadError(OSError)
│  │  └─ ChecksumMismatch
│  ├─ ModelLoadError
│  └─ EndpointError(OSError)                a model's address does not answer, or refuses
├─ GenerationError                          a loaded model cannot answer this request
│  ├─ ContextOverflow(ValueError)
│  ├─ GenerationCancelled
│  │  └─ GenerationTimeout(TimeoutError)    it was cancelled because its time was up
│  ├─ EngineBusy                            as many requests wait as may
│  └─ EngineClosed(RuntimeError)
│     └─ EngineCrashed                      the child process of an isolated engine died
├─ OutputError                              what the model wrote, or was to write, is not usable
│  ├─ ToolCallParseError
│  └─ UnsupportedSchema(ValueError)
└─ LocalDocsError                           documents and their index
   ├─ UnreadableDocument(OSError)
   ├─ EmbedderMismatch(ValueError)
   ├─ NothingIndexed(LookupError)           nothing to search, to answer from or to draw
   ├─ IndexBusy(TimeoutError)               another process holds the index's writer lock
   ├─ VectorServerError(OSError)            a vector server does not answer, refuses or fails
   └─ IndexCorrupt

Leaves also inherit the builtin that a caller would catch. A message names the thing,
the value and the next step; what a program may need is also an attribute.
"""

from collections.abc import Sequence
from pathlib import Path


class GPT4AllError(Exception):
    """The root: catch it to catch everything this project raises on purpose.

    Every error can be pickled, so that one raised in a worker process arrives as what it is.
    """

    def __reduce__(self) -> tuple[object, ...]:
        # The constructors take other arguments than the message, which is all that `args` holds.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[GPT4AllError], arguments: tuple[object, ...], attributes: dict[str, object]
) -> GPT4AllError:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(attributes)
    return error


class ConfigError(GPT4AllError, ValueError):
    """An argument, environment variable or config file asks for something impossible."""


class UnsupportedParameter(ConfigError):  # noqa: N818 - the public name is part of the contract
    """An option that exists nowhere, or that this model or class cannot honour."""


class MissingDependency(GPT4AllError, ImportError):  # noqa: N818 - the public name is part of the contract
    """A package that an extra brings is not installed."""

    def __init__(self, package: str, *, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'gpt4all-adapters[{extra}]'")
        self.package = package
        self.extra = extra


class ModelError(GPT4AllError):
    """A model cannot be found, fetched or loaded."""


class ModelNotFound(ModelError, LookupError):  # noqa: N818 - the public name is part of the contract
    """No model answers to this reference; `near_misses` holds names that look like it."""

    def __init__(self, message: str, *, near_misses: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.near_misses = tuple(near_misses)


class DownloadError(ModelError, OSError):
    """A model file could not be fetched; nothing partial was left under its final name."""


class ChecksumMismatch(DownloadError):  # noqa: N818 - the public name is part of the contract
    """A downloaded file is not the file that the catalog describes."""


class ModelLoadError(ModelError):
    """A model file exists but cannot be used; `path` names it."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class EndpointError(ModelError, OSError):
    """A model's address does not answer, or refuses; `address` is the one, `status` HTTP's, None where no
    answer came or it broke off.
    """

    def __init__(self, message: str, *, address: str, status: int | None = None) -> None:
        super().__init__(message)
        self.address = address
        self.status = status


class GenerationError(GPT4AllError):
    """A loaded model cannot answer this request."""


class ContextOverflow(GenerationError, ValueError):  # noqa: N818 - the public name is part of the contract
    """The prompt does not fit into the context; both numbers are attributes, in tokens."""

    def __init__(self, prompt_tokens: int, context_size: int, *, hint: str = "") -> None:
        advice = hint or "shorten the prompt, or open the model with a larger context_size"
        super().__init__(
            f"the prompt has {prompt_tokens} tokens but the context holds {context_size}"
            f" (one is kept for the answer); {advice}"
        )
        self.prompt_tokens = prompt_tokens
        self.context_size = context_size


class GenerationCancelled(GenerationError):  # noqa: N818 - the public name is part of the contract
    """The request was cancelled before it finished."""


class EngineClosed(GenerationError, RuntimeError):  # noqa: N818 - the public name is part of the contract
    """The model was closed, its owner thread died, or it is used in a forked child."""


class EngineCrashed(EngineClosed):
    """The child process of an isolated engine died; the next request starts another one."""


class GenerationTimeout(GenerationCancelled, TimeoutError):  # noqa: N818 - named like its parent
    """The request took longer than it may and was cancelled; `timeout_s` is what it had, in seconds."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(
            f"no full answer within {timeout_s} s, so the request was cancelled;"
            " allow more time, or ask for less with max_tokens"
        )
        self.timeout_s = timeout_s


class EngineBusy(GenerationError):  # noqa: N818 - a state, not a fault
    """As many requests wait as may; `waiting` is how many."""

    def __init__(self, waiting: int) -> None:
        waits = f"{waiting} requests are waiting already" if waiting else "every place in the batch is taken"
        super().__init__(
            f"{waits}, and no more may wait; ask again later,"
            " or open the model with a larger max_waiting or parallel"
        )
        self.waiting = waiting


class OutputError(GPT4AllError):
    """What the model wrote, or was to write, is not usable."""


class ToolCallParseError(OutputError):
    """The model's text looks like a tool call but cannot be read as one."""


class UnsupportedSchema(OutputError, ValueError):  # noqa: N818 - the public name is part of the contract
    """A schema, regular expression or grammar that cannot be enforced while decoding."""


class LocalDocsError(GPT4AllError):
    """Documents and their index."""


class UnreadableDocument(LocalDocsError, OSError):  # noqa: N818 - the public name is part of the contract
    """A file holds no text that can be indexed; the message says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class EmbedderMismatch(LocalDocsError, ValueError):  # noqa: N818 - the public name is part of the contract
    """An index was built with another embedder than the one it is opened with."""


class NothingIndexed(LocalDocsError, LookupError):  # noqa: N818 - the public name is part of the contract
    """An index, or what was chosen of it, holds nothing to search, to answer from or to draw."""


class IndexBusy(LocalDocsError, TimeoutError):  # noqa: N818 - the public name is part of the contract
    """Another process is writing to the index and did not finish in time."""


class VectorServerError(LocalDocsError, OSError):
    """A vector server does not answer, refuses or fails; `address` is the one. No document is lost by it."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"the vector server at {address} {reason}")
        self.address = address


class IndexCorrupt(LocalDocsError):  # noqa: N818 - the public name is part of the contract
    """The store of record is damaged and cannot be used; the message says what to do."""
