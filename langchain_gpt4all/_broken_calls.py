"""How a streamed call is taken back: LangChain knows no chunk that says so."""

_END = '"[}"[}'
"""Whatever the JSON before it is in the middle of, LangChain's lenient reader cannot complete it: one
of the two mismatched brackets stands outside of a string."""


def broken(error: str) -> str:
    """What to add to the arguments of a call that turned out to be none, so that all who sum the
    chunks find it among `invalid_tool_calls`, with the reason.
    """
    return f"{_END} {error}"


def as_written(arguments: str) -> str:
    """The arguments without what `broken` added."""
    return arguments.partition(_END)[0]
