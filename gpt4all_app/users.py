"""`gpt4all users`: who has a key of the server, and what they have used up."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gpt4all_app.columns import aligned
from gpt4all_app.command_group import CommandGroup
from gpt4all_app.options import Index, Json
from gpt4all_app.output import Output
from gpt4all_app.paths import index_place
from gpt4all_app.serve_access import USERS_NAME, users_place

app = typer.Typer(cls=CommandGroup, rich_markup_mode=None)

Name = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="Of a user: a-z, 0-9 and ._@+-, up to 64.")
]
File = Annotated[
    Path | None,
    typer.Option(
        "--users",
        metavar="FILE",
        show_default=False,
        help=f"The users' file. Default: {USERS_NAME} among the program's own data.",
    ),
]


def _limit(name: str, unit: str, words: str, *, least: int = 0) -> object:
    return typer.Option(name, metavar=unit, min=least, show_default=False, help=words)


@app.callback()
def users() -> None:
    """Give people keys of 'gpt4all serve', with collections and limits of their own.

    A server that runs sees each change at once.
    """


@app.command()
def add(
    name: Name,
    *,
    administrator: Annotated[
        bool, typer.Option("--administrator", help="May see and do all, as whoever has the server's own key.")
    ] = False,
    tokens_per_day: Annotated[
        int | None,
        _limit("--tokens-per-day", "N", "Most tokens of prompts and answers from midnight UTC on."),
    ] = None,
    requests_at_once: Annotated[
        int | None, _limit("--requests-at-once", "N", "Most requests that are answered at a time.", least=1)
    ] = None,
    collections: Annotated[
        int | None, _limit("--collections", "N", "Most collections that they may own.")
    ] = None,
    upload_files: Annotated[
        int | None, _limit("--upload-files", "N", "Most uploaded files that they may have.")
    ] = None,
    upload_mb: Annotated[
        int | None, _limit("--upload-mb", "MB", "Most megabytes of uploaded files that they may have.")
    ] = None,
    users: File = None,
    json: Json = False,
) -> None:
    """Add a user, and show their key, which is told this one time and kept nowhere."""
    from gpt4all_app.server.access_users_file import UserEntry, add_user, key_digest, new_key  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_app.server.localdocs_options import MEGABYTE  # noqa: PLC0415 - as above

    output, place, key = Output(is_json=json), users_place(users), new_key()
    entry = UserEntry(
        key_sha256=key_digest(key),
        added=datetime.now(UTC).date(),
        administrator=administrator,
        tokens_per_day=tokens_per_day,
        requests_at_once=requests_at_once,
        collections=collections,
        upload_files=upload_files,
        upload_bytes=None if upload_mb is None else upload_mb * MEGABYTE,
    )
    add_user(place, name, entry)
    if json:
        output.document({"file": place, "user": name, "key": key})
        return
    output.data(key)
    output.note(f"the key of {name}, shown this one time; {place} keeps its hash alone")


@app.command("list")
def list_users(*, users: File = None, json: Json = False) -> None:
    """Show who has a key, and their limits."""
    from gpt4all_app.server.access_users_file import read_users  # noqa: PLC0415 - as above

    output, place = Output(is_json=json), users_place(users)
    found = read_users(place)
    if json:
        shown = {
            name: {
                "added": entry.added,
                "administrator": entry.administrator,
                "limits": found.limits_of(name).model_dump(),
            }
            for name, entry in found.users.items()
        }
        output.document({"file": place, "users": shown})
        return
    rows = [["user", "added", "limits"]]
    for name, entry in found.users.items():
        limits = found.limits_of(name).model_dump(exclude_none=True)
        told = [
            *(["administrator"] if entry.administrator else []),
            *(f"{k} {v:,}" for k, v in limits.items()),
        ]
        rows.append([name, str(entry.added or ""), ", ".join(told) or "none"])
    output.data(aligned(rows))


@app.command()
def remove(name: Name, *, users: File = None, json: Json = False) -> None:
    """Take a user's key away; their collections stay, for administrators and whom they are shared with."""
    from gpt4all_app.server.access_users_file import remove_user  # noqa: PLC0415 - as above

    output, place = Output(is_json=json), users_place(users)
    remove_user(place, name)
    if json:
        output.document({"file": place, "user": name})
        return
    output.note(f"{name} is removed from {place}; a user of this name that comes later has their collections")


@app.command()
def usage(*, index: Index = None, users: File = None, json: Json = False) -> None:
    """Show what each user has used up today, by UTC, and keeps on the server of an index."""
    from gpt4all_app.server.access_quotas import Quotas  # noqa: PLC0415 - as above
    from gpt4all_app.server.access_store import AccessStore  # noqa: PLC0415 - as above
    from gpt4all_app.server.access_users_file import read_users  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    store = AccessStore.beside(index_place(index))
    try:
        spent = [Quotas(store).spent(name) for name in read_users(users_place(users)).users]
    finally:
        store.close()
    if json:
        output.document({"file": store.path, "users": [asdict(one) for one in spent]})
        return
    rows = [["user", "requests", "tokens", "files", "bytes", "collections"]]
    for one in spent:
        counts = (one.requests, one.tokens, one.upload_files, one.upload_bytes, one.collections)
        rows.append([one.user, *(f"{count:,}" for count in counts)])
    output.data(aligned(rows, right=range(1, 6)))
