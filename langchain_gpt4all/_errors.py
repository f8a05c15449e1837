"""The core's errors that LangChain has a name for, as errors of both worlds."""

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError, ModelTimeoutError

from gpt4all_core.errors import ContextOverflow, EndpointError, EngineBusy, GenerationTimeout

_TOO_MUCH = 429


class PromptTooLong(ContextOverflow, ContextOverflowError):  # noqa: N818 - named like its kind in the core
    """A prompt that does not fit; LangChain's middleware shortens on it."""


class RequestTimeout(GenerationTimeout, ModelTimeoutError):  # noqa: N818 - as above
    """The request took longer than `timeout` allows and was cancelled."""


class ModelBusy(EngineBusy, ModelRateLimitError):  # noqa: N818 - as above
    """As many requests wait as `max_waiting` allows; LangChain's middleware tries again on it."""


class AddressBusy(EndpointError, ModelRateLimitError):  # noqa: N818 - as above
    """The model's address has too much to do, after `max_retries` as well."""


@contextmanager
def langchain_errors() -> Iterator[None]:
    """Around making a request and reading it, by whatever face."""
    try:
        yield
    except ContextOverflow as error:
        raise PromptTooLong(error.prompt_tokens, error.context_size) from error
    except GenerationTimeout as error:
        raise RequestTimeout(error.timeout_s) from error
    except EndpointError as error:
        if error.status != _TOO_MUCH:
            raise
        raise AddressBusy(str(error), address=error.address, status=error.status) from error
    except EngineBusy as error:
        raise ModelBusy(error.waiting) from error
