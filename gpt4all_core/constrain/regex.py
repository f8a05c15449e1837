"""A grammar for the texts that a regular expression matches as a whole."""

from gpt4all_core.errors import UnsupportedSchema

_LONGEST = 20_000
_DEEPEST = 100


def regex_grammar(pattern: str) -> str:
    r"""A Lark grammar for texts that match a regular expression from the first to the last character.

    pattern: in the syntax of Rust's `regex` crate, which is Python's without look-around and references;
    `\d`, `\w` and `\s` are Unicode's. Raises UnsupportedSchema for one that is empty or too large.
    """
    if not pattern:
        raise UnsupportedSchema("the regular expression is empty, and would match only an empty answer")
    if len(pattern) > _LONGEST:
        raise UnsupportedSchema(f"the regular expression has {len(pattern)} characters, more than {_LONGEST}")
    if pattern.count("(") > _DEEPEST and _depth(pattern) > _DEEPEST:
        raise UnsupportedSchema(f"groups of the regular expression are nested more than {_DEEPEST} deep")
    return f"start: /{_spelled(pattern)}/\n"


def _spelled(pattern: str) -> str:
    """The pattern between slashes: slashes and line breaks escaped, what is escaped already left alone."""
    spelled = []
    is_escaped = False
    for character in pattern:
        if is_escaped:
            spelled.append({"\n": "n", "\r": "r"}.get(character, character))
            is_escaped = False
        else:
            spelled.append({"/": "\\/", "\n": "\\n", "\r": "\\r"}.get(character, character))
            is_escaped = character == "\\"
    if is_escaped:
        raise UnsupportedSchema("the regular expression ends with a backslash that escapes nothing")
    return "".join(spelled)


def _depth(pattern: str) -> int:
    depth = deepest = 0
    for character in pattern:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    return deepest
