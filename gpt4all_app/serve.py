"""`gpt4all serve`: local models behind OpenAI's API, for programs in any language."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gpt4all_app.open_page import tell_of_page
from gpt4all_app.options import Index, VectorIndex, complete_model
from gpt4all_app.output import Output
from gpt4all_app.paths import absolute, index_place
from gpt4all_app.serve_access import (
    AuditLog,
    AuditQuestions,
    Authorise,
    AuthoriseAlone,
    Users,
    access_options,
)
from gpt4all_core.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    from gpt4all_app.server.options import ServerOptions
    from gpt4all_app.server.plan import ServerPlan
    from gpt4all_app.server.served_models import ServedModels

_Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        show_default=False,
        autocompletion=complete_model,
        help="Serve this model; may be given more than once, the first is the default one. Without it: all on"
        " this disk.",
    ),
]
_BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        show_default=False,
        help="Hand chats on to the models behind this OpenAI-compatible address, in the place of those of"
        " this disk; its key is taken from GPT4ALL_BASE_URL_KEY. Default: the setting base_url; '' is this"
        " machine.",
    ),
]
_ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        metavar="KEY",
        envvar="GPT4ALL_API_KEY",
        show_default=False,
        help="What requests have to bring as 'Authorization: Bearer KEY'. Better in the variable: other"
        " programs see command lines.",
    ),
]
_Cors = Annotated[
    list[str] | None,
    typer.Option(
        "--cors",
        metavar="ORIGIN",
        show_default=False,
        help="Let scripts of this page call, as http://localhost:3000; may be given more than once.",
    ),
]
_HostNames = Annotated[
    list[str] | None,
    typer.Option(
        "--host-name",
        metavar="NAME",
        show_default=False,
        help="A name by which the server may be called, beside localhost and addresses; may be given more"
        " than once.",
    ),
]
_AllowedFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--allow-folder",
        metavar="DIR",
        show_default=False,
        help="Let clients make collections of this folder and those in it, which is to let them read it; may"
        " be given more than once.",
    ),
]
_MaxUpload = Annotated[
    int, typer.Option(min=1, metavar="MB", help="Most megabytes of a file that is uploaded.")
]
_Workers = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Processes that answer, each with models of its own in memory; more than one pays where models"
        " run elsewhere, or are small and asked by many.",
    ),
]
_Page = Annotated[
    bool,
    typer.Option("--page/--no-page", help="Have a web page there, too: chat and documents in the browser."),
]
_Open = Annotated[
    bool, typer.Option("--open", show_default=False, help="Open the web page in this machine's browser.")
]


def serve(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs --api-key.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 4891,
    api_key: _ApiKey = None,
    model: _Models = None,
    base_url: _BaseUrl = None,
    cors: _Cors = None,
    host_name: _HostNames = None,
    index: Index = None,
    vector_index: VectorIndex = None,
    allow_folder: _AllowedFolders = None,
    max_upload: _MaxUpload = 100,
    page: _Page = True,
    open_page: _Open = False,
    workers: _Workers = 1,
    users: Users = None,
    authorise: Authorise = None,
    authorise_alone: AuthoriseAlone = False,
    audit_log: AuditLog = None,
    audit_questions: AuditQuestions = True,
) -> None:
    """Answer programs over HTTP, as OpenAI's API does, and people with a web page.

    Only programs of this machine are let in unless --host and --api-key say otherwise. Models are loaded
    when they are first asked for. Ctrl-C lets running answers end for a few seconds.
    """
    if open_page and not page:
        raise ConfigError("--open needs the page that --no-page leaves out; give one of them")
    try:
        from gpt4all_app.server.localdocs_options import MEGABYTE, DocumentOptions  # noqa: PLC0415 - not for --help
        from gpt4all_app.server.options import ServerOptions  # noqa: PLC0415 - as above
        from gpt4all_app.server.plan import ServerPlan  # noqa: PLC0415 - as above
        from gpt4all_core.config import resolve_settings  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        if error.name not in ("fastapi", "starlette", "uvicorn", "prometheus_client", "python_multipart"):
            raise
        raise MissingDependency(error.name, extra="app") from error
    options = ServerOptions(
        host=host,
        port=port,
        api_key=api_key,
        cors_origins=tuple(cors or ()),
        host_names=tuple(host_name or ()),
        has_page=page,
        access=access_options(
            users,
            authorise,
            audit_log,
            authorise_alone=authorise_alone,
            audit_questions=audit_questions,
        ),
    )
    plan = ServerPlan(
        options,
        tuple(model or ()),
        index_place(index),
        DocumentOptions(
            allowed_folders=tuple(map(absolute, allow_folder or ())),
            file_bytes=max_upload * MEGABYTE,
            vector_index=vector_index,
        ),
        (resolve_settings().base_url if base_url is None else base_url) or "",
    )
    _run(plan, workers=workers, opens_page=open_page)


def _run(plan: "ServerPlan", *, workers: int, opens_page: bool) -> None:
    from gpt4all_app.server.run import run_server  # noqa: PLC0415 - not for --help
    from gpt4all_app.server.workers import run_workers  # noqa: PLC0415 - as above

    output = Output()

    def tell(url: str) -> None:
        output.note(f"listening on {url}/v1")
        if plan.options.has_page:
            tell_of_page(url, output, is_opened=opens_page)

    models, access = plan.open_models(), plan.open_access()
    _announce(models, output)
    with _listening_at(plan.options):
        if workers == 1:
            documents = plan.open_documents(models, access)
            run_server(models, plan.options, documents=documents, access=access, on_start=tell)
            return
        # They were opened to see that they can be: each worker has its own.
        models.close()
        if access is not None:
            access.close()
        run_workers(plan.open_app, plan.options, count=workers, on_start=tell)


@contextmanager
def _listening_at(options: "ServerOptions") -> Iterator[None]:
    """Say which address it was that cannot be listened on."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if error.errno == errno.EADDRINUSE:
            reason = "another program listens there"
        place = f"{options.host}:{options.port}"
        raise ConfigError(f"cannot listen on {place}: {reason}; choose another --port") from error


def _announce(models: "ServedModels", output: Output) -> None:
    for model in models.listed:
        output.note(f"{model.name} ({model.role})")
