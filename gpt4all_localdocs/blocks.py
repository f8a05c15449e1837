"""What reads badly when it is cut: fenced code and tables, and what a table's columns are called."""

import re
from typing import Final, NamedTuple

from gpt4all_localdocs.types import Part, Span

_FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})")

_LONGEST_COLUMNS: Final = 500
"""Characters of a row of names; beyond it stands a table of text, and an embedder would see none of it."""

_ROWS_BEFORE_NAMES: Final = 10
"""A sheet may begin with a title and a date; its names stand in the first of the widest rows among these."""


class Block(NamedTuple):
    """Characters `[start, end)` that are best kept together; `is_table` if lines are rows."""

    start: int
    end: int
    is_table: bool


def find_blocks(text: str) -> list[Block]:
    """Fenced code and tables, in text order. A table is two or more lines in a row that begin with `|`
    or hold ` | `.
    """
    found: list[Block] = []
    fence, fence_start = "", 0
    table_start, table_lines = 0, 0
    start = 0
    for line in [*text.split("\n"), ""]:
        match = _FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not line[match.end() :].strip():
                found.append(Block(fence_start, start + len(line), is_table=False))
                fence = ""
        else:
            is_row = line.startswith("|") or " | " in line
            if is_row and not table_lines:
                table_start = start
            if not is_row and table_lines >= 2:
                found.append(Block(table_start, start - 1, is_table=True))
            table_lines = table_lines + 1 if is_row else 0
            if match and not ("`" in match[1] and "`" in line[match.end() :]):
                fence, fence_start = match[1], start
        start += len(line) + 1
    return found


def names_of_columns(text: str, block: Block) -> Span:
    """Where a table's first row stands; it may have no characters."""
    end = text.find("\n", block.start, block.end)
    return block.start, block.end if end < 0 else end


def names_of_sheet(text: str, part: Part) -> Span:
    """Where the row stands that says what a sheet's columns are: the first of the widest rows at its top."""
    best, widest = (part.start, part.start), 0
    start = part.start
    for _ in range(_ROWS_BEFORE_NAMES):
        end = text.find("\n", start, part.end)
        end = part.end if end < 0 else end
        width = sum(bool(cell.strip()) for cell in text[start : min(end, start + 10_000)].split(" | "))
        if width > widest:
            best, widest = (start, end), width
        start = end + 1
        if start >= part.end:
            break
    return best


def one_line(text: str, span: Span) -> str:
    """A row as it is shown to the embedder: on one line, without the outer bars, and not endless."""
    start, end = span
    return " ".join(text[start : min(end, start + _LONGEST_COLUMNS)].split()).strip("| ")
