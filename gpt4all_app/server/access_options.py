"""Whether a server has users, who else decides about them, and what is written down."""

from dataclasses import dataclass
from pathlib import Path

from gpt4all_core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """users: the file that names them; without one there are none. authorise: "package.module:function" that
    is asked about each request; authorise_alone: whether what it says holds alone, also against the rule of
    owners. audit_log: a file that tells who asked what; audit_questions: whether in their words.

    Raises ConfigError for parts without the one that they belong to.
    """

    users: Path | None = None
    authorise: str | None = None
    authorise_alone: bool = False
    audit_log: Path | None = None
    audit_questions: bool = True

    def __post_init__(self) -> None:
        if self.authorise_alone and self.authorise is None:
            raise ConfigError("--authorise-alone needs a function; give it with --authorise")
        if not self.audit_questions and self.audit_log is None:
            raise ConfigError("--no-audit-questions says nothing without a file; give one with --audit-log")

    @property
    def is_used(self) -> bool:
        """Whether anything is asked of requests beside the server's own key."""
        return any(part is not None for part in (self.users, self.authorise, self.audit_log))
