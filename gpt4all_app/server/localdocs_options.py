"""What clients may do with the documents of a server, and how much at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gpt4all_core.errors import ConfigError
from gpt4all_localdocs.vector_index.registry import check_vector_index

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class DocumentOptions:
    """Whose folders clients may name, and what they may send.

    allowed_folders: folders of this machine that collections may be made of, with all that is in them; none
    by default, as whoever may search a folder may read it.
    file_bytes: of one uploaded file; a few thousand pages. files, upload_bytes: of one request; what is more
    comes in several. collections: that there may be when a client makes another; to list so many takes some
    seconds. lock_timeout_s: how long a change waits for another program that writes to the index: a client
    waits meanwhile, and may ask again. vector_index: where vectors are kept, as `IndexOptions` has it.

    Raises ConfigError for limits that let nothing in, for allowed folders that are none, and for a store of
    vectors that is none.
    """

    allowed_folders: tuple[Path, ...] = ()
    file_bytes: int = 100 * MEGABYTE
    files: int = 100
    upload_bytes: int = 1024 * MEGABYTE
    collections: int = 500
    lock_timeout_s: float = 5.0
    vector_index: str | None = None

    def __post_init__(self) -> None:
        for name in ("file_bytes", "files", "upload_bytes", "collections"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} lets nothing in; give at least 1")
        for folder in self.allowed_folders:
            if not folder.is_dir():
                raise ConfigError(f"the allowed folder {folder} is no folder; check --allow-folder")
        check_vector_index(self.vector_index)

    def allows(self, real: Path) -> bool:
        """Whether a folder, its links resolved, lies in one that is allowed."""
        return any(real.is_relative_to(allowed.resolve()) for allowed in self.allowed_folders)
