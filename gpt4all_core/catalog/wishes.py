"""What somebody wants a model for, and which entries of the catalog do it. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from gpt4all_core.catalog.entry import ModelEntry, Role
from gpt4all_core.errors import ConfigError

Task = Literal["chat", "code", "embed", "rerank"]
LicenceWish = Literal["any", "commercial"]

_ROLES: dict[Task, tuple[Role, ...]] = {
    "chat": ("chat",),
    "code": ("chat", "completion"),
    "embed": ("embedder",),
    "rerank": ("reranker",),
}
_IS_FOR_CODE = re.compile(r"code")
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a model is wanted for, for `recommend`.

        recommend(Wishes(task="chat", licence="commercial", language="de"))

    task: code is for models that were made for programming. licence: "commercial" leaves out what
    may not earn money or whose licence is not known; conditions may apply all the same. language: an ISO
    639-1 code, as "de"; models whose languages are not known are left out.
    Raises ConfigError for what is no such code.
    """

    task: Task = "chat"
    licence: LicenceWish = "any"
    language: str | None = None

    def __post_init__(self) -> None:
        if self.language is not None and not _LANGUAGE.fullmatch(self.language):
            raise ConfigError(
                f"language={self.language!r} is no ISO 639-1 code; write its two letters, as de for German"
            )

    def __str__(self) -> str:
        licence = " with a commercial licence" if self.licence == "commercial" else ""
        language = f" in the language {self.language!r}" if self.language else ""
        return f"for {self.task}{language}{licence}"


def meets(entry: ModelEntry, wishes: Wishes) -> bool:
    """Whether a model is of this kind, whatever its size; demonstrations and retired ones never are."""
    if entry.is_demonstration or entry.retired is not None or entry.role not in _ROLES[wishes.task]:
        return False
    if wishes.task == "code" and not _IS_FOR_CODE.search(entry.name):
        return False
    if wishes.licence == "commercial" and entry.commercial_use not in ("yes", "conditions"):
        return False
    return _speaks(entry, wishes.language)


def _speaks(entry: ModelEntry, language: str | None) -> bool:
    # More than 25 languages are not listed; most that people ask for are among them.
    return language is None or (
        entry.languages is not None and not {language, "many"}.isdisjoint(entry.languages)
    )
