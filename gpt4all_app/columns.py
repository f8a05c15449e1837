"""Text in aligned columns. Pure."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

_GAP = "  "


def width_of(rows: Sequence[Sequence[str]]) -> int:
    """How wide the lines of `aligned` are at the most."""
    widths = _widths(rows)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def aligned(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """A line for each row, its cells below those of the row before; right: columns that end alike."""
    widths = _widths(rows)
    return "\n".join(
        _GAP.join(
            _padded(cell, size, is_right=number in right)
            for number, (cell, size) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _padded(cell: str, size: int, *, is_right: bool) -> str:
    return " " * (size - cell_len(cell)) + cell if is_right else set_cell_size(cell, size)
