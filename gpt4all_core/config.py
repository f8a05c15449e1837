"""Where settings come from: argument, then environment, then config file, then default.

| setting | environment | default |
|---|---|---|
| `model` | `GPT4ALL_MODEL` | the catalog's default that is on disk |
| `base_url` | `GPT4ALL_BASE_URL` | none: the commands and LocalDocs ask a model on this machine |
| `embedding_model` | `GPT4ALL_EMBEDDING_MODEL` | the bundled embedder |
| `embedder_base_url` | `GPT4ALL_EMBEDDER_BASE_URL` | none: documents are embedded on this machine |
| `home` | `GPT4ALL_HOME` | the platform's folder for user data |
| `catalog` | `GPT4ALL_CATALOG` | `catalog.json` beside the config file, if there is one |
| `threads` | `GPT4ALL_THREADS` | every physical core that this process may use |
| `context_size` | `GPT4ALL_CONTEXT_SIZE` | 4,096, or what the model was trained for if that is less |
| `device` | `GPT4ALL_DEVICE` | `auto`: an accelerator if the build has one, else the processor |
| `gpu_layers` | `GPT4ALL_GPU_LAYERS` | as many as fit into the device's free memory |
| `kv_type` | `GPT4ALL_KV_TYPE` | `f16` |
| `parallel` | `GPT4ALL_PARALLEL` | 16 requests in one batch |
| `max_waiting` | `GPT4ALL_MAX_WAITING` | 1,024 requests that wait for a place |
| `cache_bytes` | `GPT4ALL_CACHE_BYTES` | an eighth of the memory, at most 2 GiB, for idle conversations |
| `cache_dir` | `GPT4ALL_CACHE_DIR` | none: nothing of a conversation is written to disk |
| `idle_ttl_s` | `GPT4ALL_IDLE_TTL_S` | none: a model stays loaded until it is closed |
| `memory_budget` | `GPT4ALL_MEMORY_BUDGET` | none: bytes that all open models may take together |
| `reproducible` | `GPT4ALL_REPRODUCIBLE` | `false`: quicker, but a text may depend on what else runs |
| `isolate` | `GPT4ALL_ISOLATE` | `false`: models run in this process |
| `vector_index` | `GPT4ALL_VECTOR_INDEX` | `chroma`: vectors of documents in files beside their index |
| `vector_index_key` | `GPT4ALL_VECTOR_INDEX_KEY` | none: what a vector server wants as a key |
| `workers` | `GPT4ALL_WORKERS` | `local`: documents are read and embedded by this machine alone |

The config file is `config.toml` in the platform's folder for user configuration; its keys are
the names in the first column.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from gpt4all_core.errors import ConfigError
from gpt4all_core.types import KVType

APPLICATION = "gpt4all-adapters"


class SettingArguments(TypedDict, total=False):
    """What a caller may give; None and a missing key both mean that it was not given."""

    model: str | None
    base_url: str | None
    embedding_model: str | None
    embedder_base_url: str | None
    home: Path | str | None
    catalog: Path | str | None
    threads: int | None
    context_size: int | None
    device: str | None
    gpu_layers: int | None
    kv_type: KVType | None
    parallel: int | None
    max_waiting: int | None
    cache_bytes: int | None
    cache_dir: Path | str | None
    idle_ttl_s: float | None
    memory_budget: int | None
    reproducible: bool | None
    isolate: bool | None
    vector_index: str | None
    vector_index_key: str | None
    workers: str | None


class Settings(BaseModel):
    """The settings in force; None leaves the choice to whoever uses the setting.

    base_url: the address of a server that answers; `model` is then a name there.
    embedder_base_url: the address of a server that embeds documents; `embedding_model` is then a name there.
    home: the folder in which models and other data of this project are kept.
    catalog: a file with models of one's own, and names for them.
    threads: processor threads that a model computes with.
    context_size: tokens that one request's prompt and answer may have together.
    device: "auto", "cpu", or a device by llama.cpp's name, such as CUDA0.
    gpu_layers: layers of a model to put on the device; 0 none, -1 all, None as many as fit.
    kv_type: how the keys and values of a conversation are kept.
    parallel: most requests decoded in one batch; max_waiting: most that may wait for a place in it.
    cache_bytes: host memory that the cells of idle conversations may take, for each engine.
    cache_dir: a folder where they outlive the process.
    idle_ttl_s: seconds without a request after which a model's memory is given back.
    memory_budget: bytes that all open models may take together; idle ones make room.
    reproducible: whatever else runs, a prompt gets the text that it gets alone.
    isolate: run models in a child process, whose death is an error and not the end.
    vector_index: where the vectors of documents are: "chroma", "exact", or the address of a server.
    vector_index_key: what that server is told so that it lets this program in; never shown.
    workers: what reads and embeds documents: "local", "ray", "ray:auto", or the address of a Ray cluster.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model: str | None = Field(default=None, min_length=1)
    base_url: str | None = Field(default=None, min_length=1)
    embedding_model: str | None = Field(default=None, min_length=1)
    embedder_base_url: str | None = Field(default=None, min_length=1)
    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir(APPLICATION, appauthor=False)))
    catalog: Path | None = None
    threads: int | None = Field(default=None, ge=1)
    context_size: int | None = Field(default=None, ge=1)
    device: str | None = Field(default=None, min_length=1)
    gpu_layers: int | None = Field(default=None, ge=-1)
    kv_type: KVType | None = None
    parallel: int | None = Field(default=None, ge=1, le=256)
    max_waiting: int | None = Field(default=None, ge=0)
    cache_bytes: int | None = Field(default=None, ge=0)
    cache_dir: Path | None = None
    idle_ttl_s: float | None = Field(default=None, gt=0)
    memory_budget: int | None = Field(default=None, ge=1)
    reproducible: bool | None = None
    isolate: bool | None = None
    vector_index: str | None = Field(default=None, min_length=1)
    vector_index_key: SecretStr | None = Field(default=None, min_length=1)
    workers: str | None = Field(default=None, min_length=1)

    @field_validator("home", "catalog", "cache_dir", mode="before")
    @classmethod
    def _refuse_nothing(cls, value: object) -> object:
        if value == "":
            raise ValueError("empty")  # which a path would take for the working directory
        return value

    @field_validator(
        "threads",
        "context_size",
        "gpu_layers",
        "parallel",
        "max_waiting",
        "cache_bytes",
        "idle_ttl_s",
        "memory_budget",
        mode="before",
    )
    @classmethod
    def _refuse_claims(cls, value: object) -> object:
        if isinstance(value, bool):
            # Python would count it as 0 or 1.
            raise ValueError("a truth value")  # noqa: TRY004 - pydantic lets a TypeError through
        return value

    @field_validator("home", "catalog", "cache_dir")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().absolute()


SECRETS = frozenset({"vector_index_key"})
"""Settings that are written and never shown."""

_EXPECTED = {
    "model": "a model's name or path",
    "embedding_model": "a model's name or path",
    "base_url": "the address of a server, such as http://127.0.0.1:4891/v1",
    "embedder_base_url": "the address of a server, such as http://127.0.0.1:4891/v1",
    "home": "a folder",
    "catalog": "a file",
    "threads": "a whole number, 1 or more",
    "context_size": "a whole number of tokens, 1 or more",
    "device": "auto, cpu, or the name of a device",
    "gpu_layers": "a whole number, 0 or more, or -1 for all layers",
    "kv_type": "f16, q8_0 or q4_0",
    "parallel": "a whole number, 1 to 256",
    "max_waiting": "a whole number, 0 or more",
    "cache_bytes": "a whole number of bytes, 0 or more",
    "cache_dir": "a folder",
    "idle_ttl_s": "a number of seconds above 0",
    "memory_budget": "a whole number of bytes, 1 or more",
    "reproducible": "true or false",
    "isolate": "true or false",
    "vector_index": "chroma, exact, or the address of a server",
    "vector_index_key": "a key",
    "workers": "local, ray, ray:auto, or the address of a Ray cluster",
}


def resolve_settings(**arguments: Unpack[SettingArguments]) -> Settings:
    """The settings in force now; an argument that is None was not given.

    The environment and the config file are read at every call. An empty environment variable
    counts as not set. Raises ConfigError, naming the argument, variable or file, the value unless it is
    secret, and what was expected, for an impossible value or an unknown key in the file.
    """
    chosen, origins = _chosen({name: value for name, value in arguments.items() if value is not None})
    try:
        return Settings.model_validate(chosen)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        wrong = "empty, or no text" if name in SECRETS else repr(chosen[name])
        raise ConfigError(f"{origins[name]} is {wrong}; expected {_EXPECTED[name]}") from error


def setting_sources() -> dict[str, str]:
    """Where each setting that is not a default comes from: a key of the config file, or a variable.

    Raises ConfigError for an unknown key in the file.
    """
    return _chosen({})[1]


def config_file() -> Path:
    """Where the config file is, or would be."""
    return Path(platformdirs.user_config_dir(APPLICATION, appauthor=False)) / "config.toml"


def _chosen(given: Mapping[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    """The strongest value of each setting, and where it comes from."""
    chosen: dict[str, object] = {}
    origins: dict[str, str] = {}
    for values, describe in _layers(given):
        for name, value in values.items():
            chosen[name] = value
            origins[name] = describe.format(name=name, variable=_variable(name))
    return chosen, origins


def _layers(given: Mapping[str, object]) -> list[tuple[dict[str, object], str]]:
    """What each source says, weakest first, and how to name it in a message."""
    path = config_file()
    variables = {name: os.environ.get(_variable(name), "") for name in Settings.model_fields}
    return [
        (_read_file(path), f"{{name}} in {str(path).replace('{', '{{').replace('}', '}}')}"),
        ({name: value for name, value in variables.items() if value}, "the environment variable {variable}"),
        (dict(given), "{name}"),
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
