"""The index of `gpt4all docs`, `ask` and `serve` where none is named: whether it can be read, and what of."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gpt4all_app.checked_setting import check_setting
from gpt4all_app.checkup.finding import Finding
from gpt4all_app.checkup.taken_back import taken_back
from gpt4all_app.failures import describe
from gpt4all_app.output import counted
from gpt4all_app.paths import default_index
from gpt4all_core.config import Settings
from gpt4all_core.errors import ConfigError, LocalDocsError, VectorServerError
from gpt4all_localdocs.database import DATABASE_NAME, Database
from gpt4all_localdocs.store import Store, StoreSummary
from gpt4all_localdocs.vector_index.registry import choose_place

_SYNC = "gpt4all docs sync"


def findings() -> Iterator[Finding]:
    """Of the default index, read from its first page to its last, and of its folders."""
    place = default_index()
    if not (place / DATABASE_NAME).exists():
        yield Finding("index", "ok", f"none at {place} yet", "gpt4all docs add FOLDER")
        return
    try:
        with Store(Database.open(place, read_only=True)) as store:
            held = store.summary()
            store.check_integrity()
    except (ConfigError, LocalDocsError) as error:
        yield Finding("index", "problem", describe(error))
        return
    yield _of_files(place, held)
    if "+" in held.vectors_at:  # an address
        yield _of_server(held)
    for folder in held.folders:
        if not folder.is_dir():
            text = f"{folder} is not there; what is known of its files is kept"
            yield Finding("indexed folder", "advice", text, f"gpt4all docs remove {folder}")


def findings_of_settings(settings: Settings) -> Iterator[Finding]:
    """Of those that every search and sync would be refused for."""
    for name, value in (("vector_index", settings.vector_index), ("workers", settings.workers)):
        try:
            if value is not None:
                check_setting(name, value)
        except ConfigError as error:
            yield Finding("settings", "problem", describe(error), taken_back(name))


def _of_server(held: StoreSummary) -> Finding:
    """Whether the server that keeps the vectors answers; searches and syncs do without it meanwhile.

    It is asked only where the setting names it, too: an index may come from somebody else, and say where
    a key is to be sent.
    """
    try:
        server = choose_place(None, None)
        if isinstance(server, str) or server.place != held.vectors_at:
            text = f"{held.vectors_at} has the vectors; it was not asked, as the settings do not name it"
            return Finding("vector index", "ok", text)
        with closing(server):
            server.names("gpt4all-")
    except (ConfigError, VectorServerError) as error:
        return Finding("vector index", "advice", describe(error), _SYNC)
    if held.vectors_pending:
        lacking = f"{held.vectors_at} lacks {counted(held.vectors_pending, 'change')}"
        return Finding("vector index", "advice", lacking, _SYNC)
    return Finding("vector index", "ok", f"{held.vectors_at} answers")


def _of_files(place: Path, held: StoreSummary) -> Finding:
    text = f"{place}, {counted(held.files, 'file')}, {counted(held.passages, 'passage')}"
    if held.unreadable:
        return Finding("index", "advice", f"{text}; {held.unreadable} cannot be read", _SYNC)
    if held.folders and not held.files:
        return Finding("index", "advice", f"{text}: nothing was indexed yet", _SYNC)
    return Finding("index", "ok", text)
