"""The options of `gpt4all serve` that say who its users are, and what is written down of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.paths import absolute

if TYPE_CHECKING:
    from gpt4all_app.server.access_options import AccessOptions

USERS_NAME = "users.toml"

Users = Annotated[
    Path | None,
    typer.Option(
        "--users",
        metavar="FILE",
        show_default=False,
        help=f"Users with keys of their own, as 'gpt4all users add' writes them. Default: {USERS_NAME} among"
        " the program's own data, if it is there.",
    ),
]
Authorise = Annotated[
    str | None,
    typer.Option(
        "--authorise",
        metavar="MODULE:FUNCTION",
        show_default=False,
        help="Ask this function, too, whether somebody may do something.",
    ),
]
AuthoriseAlone = Annotated[
    bool,
    typer.Option("--authorise-alone", help="Let the function decide alone, without the rule of owners."),
]
AuditLog = Annotated[
    Path | None,
    typer.Option(
        "--audit-log",
        metavar="FILE",
        show_default=False,
        help="Write down who asked what of which collection, a line of JSON for each request.",
    ),
]
AuditQuestions = Annotated[
    bool,
    typer.Option("--audit-questions/--no-audit-questions", help="Whether the words of questions are in it."),
]


def users_place(users: Path | None) -> Path:
    """The users' file that an option named, else the default one."""
    from gpt4all_core.config import resolve_settings  # noqa: PLC0415 - pydantic: not for --help

    return absolute(users) if users else resolve_settings().home / USERS_NAME


def access_options(
    users: Path | None,
    authorise: str | None,
    audit_log: Path | None,
    *,
    authorise_alone: bool,
    audit_questions: bool,
) -> "AccessOptions":
    """What they ask for. Users that were not named count where their file is: who added some wants them."""
    from gpt4all_app.server.access_options import AccessOptions  # noqa: PLC0415 - as above

    place = users_place(users)
    return AccessOptions(
        users=place if users or place.exists() else None,
        authorise=authorise,
        authorise_alone=authorise_alone,
        audit_log=absolute(audit_log) if audit_log else None,
        audit_questions=audit_questions,
    )
