"""Ray and the tables that it hands over, imported when they are first needed, and nowhere else."""

from typing import Any

from gpt4all_core.errors import MissingDependency

Table = Any
"""A table of pyarrow's."""


def load_ray() -> Any:
    """The package `ray`, without Ray Data. Raises MissingDependency."""
    try:
        import ray  # noqa: PLC0415 - an extra, and a third of a second
    except ImportError as error:
        raise MissingDependency("ray, which reads files on many machines,", extra="scale") from error
    return ray


def load_ray_data() -> Any:
    """The package `ray.data`: half a second and 100 MB, which only the cluster has to spend."""
    import ray.data  # noqa: PLC0415 - as above

    return ray.data


def packed_table(column: str, values: list[bytes]) -> Table:
    """A table of one column, as steps of Ray Data return it. NumPy's, the default, would cut off zeros."""
    import pyarrow  # noqa: ICN001, PLC0415 - what ray.data is made with, and loads

    return pyarrow.table({column: pyarrow.array(values, pyarrow.large_binary())})


def packed_values(table: Table, column: str) -> list[bytes]:
    """The values of a column of bytes."""
    values: list[bytes] = table.column(column).to_pylist()
    return values
