"""A rule for a text that lives in the child process of an isolated model."""

from gpt4all_core.errors import ConfigError
from gpt4all_core.protocols import TokenMatcher


class IsolatedConstraint:
    """A grammar that a child has compiled. Thread-safe.

    owner: the engine whose child it is; number: what the child knows it by.
    """

    def __init__(self, lark: str, *, owner: object, number: int) -> None:
        self.lark = lark
        self.owner = owner
        self.number = number

    def matcher(self) -> TokenMatcher:
        raise ConfigError(
            "this constraint was compiled by an isolated model's process and works only there;"
            " make one with the constrain() of the model that is to use it"
        )
