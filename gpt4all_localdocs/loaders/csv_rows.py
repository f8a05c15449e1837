"""Cuts delimited text into records: which character delimits, and which line ends are inside quotes.

RFC 4180, read leniently. The standard library's reader takes all that follows an unclosed quote for
one cell, and refuses cells above a limit that is the process's own; here such a quote is a character.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

DELIMITERS = (",", ";", "\t", "|")
"""Where several fit equally well, the first one."""

_LONGEST_QUOTED = 131_072
"""Characters; the limit of the standard library's reader, four times that of a cell in Excel."""

_SAMPLE_CHARACTERS = 65_536
_SAMPLE_RECORDS = 200
_DECLARED = re.compile(r"sep=(.)\n")
"""A first line that tells Excel the delimiter, and that Excel does not show."""


def records(text: str) -> Iterator[list[str]]:
    r"""The records of a text with `\n` line ends, each a list of cells; the delimiter is found out.

    An empty line is a record of one empty cell, so that records count as rows do in a spreadsheet.
    """
    declared = _DECLARED.match(text)
    if declared:
        return split_records(text, delimiter=declared[1], start=declared.end())
    return split_records(text, delimiter=find_delimiter(text))


def find_delimiter(text: str) -> str:
    """The character that cuts the first records most evenly: most of them into equally many cells."""
    sample = text[:_SAMPLE_CHARACTERS]
    return max(DELIMITERS, key=lambda delimiter: _evenness(sample, delimiter))


def _evenness(sample: str, delimiter: str) -> tuple[float, int]:
    widths = [len(record) for record in islice(split_records(sample, delimiter=delimiter), _SAMPLE_RECORDS)]
    if len(widths) > 1 and len(sample) == _SAMPLE_CHARACTERS:
        widths.pop()  # the sample ends inside it
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return 0.0, 0
    width, count = max(counts.items(), key=lambda entry: (entry[1], entry[0]))
    return count / len(widths), width


def split_records(text: str, *, delimiter: str, start: int = 0) -> Iterator[list[str]]:
    """Cut at delimiters and line ends that do not stand in quotes; doubled quotes are one."""
    cell = re.compile(
        rf'(?:"((?:[^"]|""){{0,{_LONGEST_QUOTED}}}+)"(?=[{re.escape(delimiter)}\n]|\Z)|([^{re.escape(delimiter)}\n]*))'
        rf"([{re.escape(delimiter)}\n]|\Z)"
    )
    record: list[str] = []
    end = len(text)
    position = start
    while position < end or record:
        match = cell.match(text, position)
        if match is None:
            raise AssertionError("the pattern matches at every position")
        quoted, plain, border = match.groups()
        record.append(plain if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if border != delimiter:
            yield record
            record = []
        elif position == end:
            record.append("")
            yield record
            return
