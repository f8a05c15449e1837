"""Which passages a search may find."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from gpt4all_core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """What a passage's file or text must be like for a search to see it; all that is given must hold.

    paths: the file's path fits one of these globs. One that begins with no separator may fit the end of a
    path: "*.md", "notes/*.txt". A star stands for anything, separators too. Upper and lower case differ.
    folders: the file is in one of these folders, however deep; each is one of the index's, in one or around
    one. suffixes: its name ends in one of these,
    whatever the case: ".pdf". Texts that a program put are in no folder and have no suffix, so that none
    of them fits these three. modified_after, modified_before: when the file was last changed, both ends
    included, or the text last put; a time without a zone is local.
    metadata: a filter as Chroma and LangChain know it, alone as good as in here: {"year": 2024},
    {"year": {"$gte": 2020}}, {"$or": [{"author": "Ann"}, {"tags": {"$contains": "draft"}}]}.

    Operators are $eq, $ne, $gt, $gte, $lt, $lte, $in and $nin; $contains for a list that has a value;
    $exists, true or false, for anything but nothing, null and an empty list; and $and, $or and $not
    around others. A value only equals one of its own kind; numbers and texts have an order. What a passage
    has no value of that kind for is not equal, smaller or in; $ne and $nin are their opposites. Texts have
    the metadata they were put with. Passages of files have `source` and `file_path` (the path),
    `file_name`, `file_type` ("application/pdf"), `start_index`, what `place_metadata` tells: `page`,
    `page_label` ("4"), `slide`, `sheet`, `rows` ("2-9"), `cell`, `chapter`, `message`, `attachment`, `lines`
    ("10-14"); and `collection`: each name that a folder above the file was given.

        >>> from gpt4all_localdocs import LocalDocs
        >>> with LocalDocs("index", folders=["examples/documents"]) as docs:
        ...     report = docs.sync()
        ...     hits = docs.search("annual leave", where=SearchFilter(suffixes=[".pdf"]))
        ...     found = docs.search("annual leave", where={"file_type": "application/pdf", "page": 4})
        >>> {hit.path.name for hit in [*hits, *found]}
        {'staff-handbook.pdf'}

    Raises ConfigError for impossible values; unknown operators are refused where the filter is used.
    """

    paths: Sequence[str] = ()
    folders: Sequence[str | Path] = ()
    suffixes: Sequence[str] = ()
    modified_after: datetime | None = None
    modified_before: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("paths", "folders", "suffixes"):
            given = getattr(self, name)
            if isinstance(given, (str, Path)) or not (
                isinstance(given, Iterable)
                and all(isinstance(one, (str, Path)) and str(one) for one in given)
            ):
                raise ConfigError(f"{name}={given!r} of a filter is no list of names; give a list")
        for name in ("modified_after", "modified_before"):
            given = getattr(self, name)
            if not isinstance(given, datetime | None):
                raise ConfigError(f"{name}={given!r} of a filter is no time; give a datetime")
        if not isinstance(self.metadata, Mapping):
            raise ConfigError(f"metadata={self.metadata!r} of a filter is no mapping; give {{'name': value}}")


Where = SearchFilter | Mapping[str, Any]
"""A filter, or its metadata alone."""


def as_filter(where: Where) -> SearchFilter:
    """The filter that is meant. Raises ConfigError for what is none."""
    if isinstance(where, SearchFilter):
        return where
    if not isinstance(where, Mapping):
        names = ", ".join(field.name for field in fields(SearchFilter))
        raise ConfigError(f"{where!r} is no filter; give {{'name': value}} or a SearchFilter of {names}")
    return SearchFilter(metadata=where)


def check_known_folders(folders: Sequence[str | Path], *, known: Collection[Path]) -> None:
    """Raise ConfigError for a folder that is neither in one of the known ones nor around one.

    No file is in such a folder, and a search that finds nothing would not say why.
    """
    for folder in folders:
        path = Path(folder).expanduser().absolute()
        if not any(path.is_relative_to(each) or each.is_relative_to(path) for each in known):
            raise ConfigError(
                f"folders={str(folder)!r} of a filter is outside of this index, which has"
                f" {', '.join(map(str, sorted(known))) or 'no folders'}; name one of these or one in them"
            )
