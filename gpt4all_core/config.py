"""Where settings come from: argument, then environment, then config file, then default.

| setting | environment | default |
|---|---|---|
| `model` | `GPT4ALL_MODEL` | the catalog's default that is on disk |
| `embedding_model` | `GPT4ALL_EMBEDDING_MODEL` | the bundled embedder |
| `home` | `GPT4ALL_HOME` | the platform's folder for user data |
| `threads` | `GPT4ALL_THREADS` | every physical core that this process may use |
| `context_size` | `GPT4ALL_CONTEXT_SIZE` | 4,096, or what the model was trained for if that is less |
| `gpu_layers` | `GPT4ALL_GPU_LAYERS` | -1: all that the build can offload |

The config file is `config.toml` in the platform's folder for user configuration; its keys are
the names in the first column.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gpt4all_core.errors import ConfigError

APPLICATION = "gpt4all-adapters"


class Settings(BaseModel):
    """The settings in force; None leaves the choice to whoever uses the setting.

    home: the folder in which models and other data of this project are kept.
    threads: processor threads that a model computes with.
    context_size: tokens that one request's prompt and answer may have together.
    gpu_layers: layers of a model to put on the graphics card; 0 none, -1 all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = Field(default=None, min_length=1)
    embedding_model: str | None = Field(default=None, min_length=1)
    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir(APPLICATION, appauthor=False)))
    threads: int | None = Field(default=None, ge=1)
    context_size: int | None = Field(default=None, ge=1)
    gpu_layers: int | None = Field(default=None, ge=-1)

    @field_validator("home")
    @classmethod
    def _expand_home(cls, value: Path) -> Path:
        return value.expanduser().absolute()


_EXPECTED = {
    "model": "a model's name or path",
    "embedding_model": "a model's name or path",
    "home": "a folder",
    "threads": "a whole number, 1 or more",
    "context_size": "a whole number of tokens, 1 or more",
    "gpu_layers": "a whole number, 0 or more, or -1 for all layers",
}


def resolve_settings(
    *,
    model: str | None = None,
    embedding_model: str | None = None,
    home: Path | str | None = None,
    threads: int | None = None,
    context_size: int | None = None,
    gpu_layers: int | None = None,
) -> Settings:
    """The settings in force now; an argument that is None was not given.

    The environment and the config file are read at every call. An empty environment variable
    counts as not set. Raises ConfigError, naming the argument, variable or file, the value and
    what was expected, for an impossible value or an unknown key in the file.
    """
    arguments: dict[str, object] = {
        "model": model,
        "embedding_model": embedding_model,
        "home": home,
        "threads": threads,
        "context_size": context_size,
        "gpu_layers": gpu_layers,
    }
    chosen: dict[str, object] = {}
    origins: dict[str, str] = {}
    for values, describe in _layers(arguments):
        for name, value in values.items():
            chosen[name] = value
            origins[name] = describe.format(name=name, variable=_variable(name))
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise ConfigError(f"{origins[name]} is {chosen[name]!r}; expected {_EXPECTED[name]}") from error


def config_file() -> Path:
    """Where the config file is, or would be."""
    return Path(platformdirs.user_config_dir(APPLICATION, appauthor=False)) / "config.toml"


def _layers(arguments: Mapping[str, object]) -> list[tuple[dict[str, object], str]]:
    """What each source says, weakest first, and how to name it in a message."""
    path = config_file()
    variables = {name: os.environ.get(_variable(name), "") for name in arguments}
    return [
        (_read_file(path), f"{{name}} in {str(path).replace('{', '{{').replace('}', '}}')}"),
        ({name: value for name, value in variables.items() if value}, "the environment variable {variable}"),
        ({name: value for name, value in arguments.items() if value is not None}, "{name}"),
    ]


def _variable(name: str) -> str:
    return f"GPT4ALL_{name.upper()}"


def _read_file(path: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}; mend or remove it") from error
    for key in values:
        if key not in Settings.model_fields:
            near = difflib.get_close_matches(key, Settings.model_fields, n=1)
            advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(Settings.model_fields)}"
            raise ConfigError(f"{path} sets {key}, which is no setting; {advice}")
    return values
