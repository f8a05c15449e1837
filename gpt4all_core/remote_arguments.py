"""Arguments of classes of both frameworks whose model may be behind an address."""

from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

from gpt4all_core.remote.options import checked_address


class EndpointFields(BaseModel):
    """Where the model is, if not on this machine. A class says which of its arguments are of one side."""

    local_only: ClassVar[tuple[str, ...]] = (
        "threads",
        "device",
        "gpu_layers",
        "idle_ttl_s",
        "allow_download",
    )
    endpoint_only: ClassVar[tuple[str, ...]] = ("api_key", "timeout_s")

    # Left out of repr, which LangChain sends along with traces: machines have telling names.
    base_url: str | None = Field(default=None, repr=False)
    """The OpenAI-compatible address of a server that has the model, mostly ending with /v1; `model` is what
    it is called there. None opens a file of this machine."""

    api_key: SecretStr | None = Field(default=None, repr=False, exclude=True)
    """What that server is sent as a key; None takes GPT4ALL_API_KEY, and sends none without. In no
    JSON, dictionary, trace or repr, so that an object that is read back has none; a pickle, which is for
    another process of the same program, has it."""

    timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Longest silence of that server in seconds; None is 300."""

    @model_validator(mode="after")
    def _take_one_side(self) -> Self:
        names = self.endpoint_only if self.base_url is None else self.local_only
        given = [name for name in names if getattr(self, name) != type(self).model_fields[name].default]
        if self.base_url is None:
            if given:
                raise ValueError(f"{given[0]} is for a model behind an address; give its base_url, too")
            return self
        checked_address(self.base_url)
        if given:
            raise ValueError(
                f"{given[0]} is for a model of this machine, and base_url says that it is behind an address;"
                " give one of the two"
            )
        return self

    @property
    def endpoint_arguments(self) -> dict[str, Any]:
        """What a remote model is opened with, by its names; those that were not given are left out."""
        secret = None if self.api_key is None else self.api_key.get_secret_value()
        given = {name: getattr(self, name) for name in self.endpoint_only} | {"api_key": secret}
        return {name: value for name, value in given.items() if value is not None}
