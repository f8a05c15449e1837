import pickle
from pathlib import Path

import pytest

from gpt4all_core import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("bad"),
        errors.MissingDependency("rich", extra="app"),
        errors.ModelNotFound("none", near_misses=["one"]),
        errors.ModelLoadError("broken", path=Path("x.gguf")),
        errors.DownloadError("cut off"),
        errors.EndpointError("away", address="http://127.0.0.1:1/v1", status=502),
        errors.VectorServerError("chroma+http://127.0.0.1:1", "does not answer"),
        errors.ContextOverflow(100, 50),
        errors.EngineBusy(7),
        errors.GenerationTimeout(1.5),
        errors.EngineCrashed("gone"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_from_another_process_as_what_it_is(error):
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


@pytest.mark.parametrize(
    ("waiting", "says"),
    [
        (7, "7 requests are waiting already, and no more may wait; "),
        (0, "every place in the batch is taken, "),
    ],
)
def test_a_busy_engine_says_what_is_taken(waiting, says):
    assert str(errors.EngineBusy(waiting)).startswith(says)
