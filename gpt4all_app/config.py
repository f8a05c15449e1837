"""`gpt4all config`: the settings in force, where they come from, and the file that keeps them."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from gpt4all_app.command_group import CommandGroup
from gpt4all_app.options import Json
from gpt4all_app.output import Output

if TYPE_CHECKING:
    from gpt4all_app.config_file import Scalar
    from gpt4all_core.config import SettingArguments

app = typer.Typer(cls=CommandGroup, rich_markup_mode=None)


def complete_setting(incomplete: str) -> list[str]:
    """Names for a shell to complete a setting from."""
    from gpt4all_core.config import Settings  # noqa: PLC0415 - pydantic: not for --help

    return [name for name in Settings.model_fields if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        autocompletion=complete_setting,
        help="Of a setting, as 'gpt4all config show' lists them.",
    ),
]


@app.callback()
def config() -> None:
    """Show and change settings that hold for every command and program.

    An argument or option goes before an environment variable (GPT4ALL_ and the name in capitals), that
    before the config file, and that before the default.
    """


@app.command()
def show(*, json: Json = False) -> None:
    """Show every setting, its value, and where that comes from."""
    from gpt4all_core.config import config_file, resolve_settings, setting_sources  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    values = resolve_settings().model_dump()
    sources = setting_sources()
    if json:
        settings = {name: {"value": value, "source": sources.get(name)} for name, value in values.items()}
        output.document({"file": config_file(), "settings": settings})
        return
    output.fields([(name, _shown(name, value, sources.get(name))) for name, value in values.items()])
    output.note(f"config file: {config_file()}{'' if config_file().exists() else ' (not there yet)'}")


@app.command()
def path(*, json: Json = False) -> None:
    """Show where the config file is, or would be."""
    from gpt4all_core.config import config_file  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    if json:
        output.document({"file": config_file(), "exists": config_file().exists()})
        return
    output.data(str(config_file()))


@app.command("set", context_settings={"ignore_unknown_options": True})
def set_value(
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", show_default=False, help="What it is to be.")],
    *,
    json: Json = False,
) -> None:
    """Write a setting into the config file; the rest of the file stays as it is."""
    from gpt4all_app.checked_setting import check_setting  # noqa: PLC0415 - as above
    from gpt4all_core.config import SECRETS, resolve_settings  # noqa: PLC0415 - as above

    _require(name)
    arguments = cast("SettingArguments", {name: value})
    checked = getattr(resolve_settings(**arguments), name)
    check_setting(name, value)
    kept = checked if isinstance(checked, int | float) else value if name in SECRETS else str(checked)
    _change(name, kept, Output(is_json=json))


@app.command()
def unset(name: Name, *, json: Json = False) -> None:
    """Take a setting out of the config file, so that its default holds."""
    _require(name)
    _change(name, None, Output(is_json=json))


def _change(name: str, value: "Scalar | None", output: Output) -> None:
    from gpt4all_app.config_file import change_key  # noqa: PLC0415 - not for --help
    from gpt4all_core.config import SECRETS, config_file, setting_sources  # noqa: PLC0415 - as above

    change_key(config_file(), name, value)
    source = setting_sources().get(name, "")
    if output.is_json:
        shown = None if name in SECRETS else value
        output.document({"file": config_file(), "name": name, "value": shown, "source": source or None})
        return
    output.note(f"{name} is {'unset' if value is None else 'set'} in {config_file()}")
    if "environment" in source:
        output.note(f"{source} goes before it")


def _require(name: str) -> None:
    import difflib  # noqa: PLC0415 - for a message that few see

    from gpt4all_core.config import Settings  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.errors import ConfigError  # noqa: PLC0415 - as above

    if name not in Settings.model_fields:
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        advice = f"did you mean {near[0]}?" if near else "gpt4all config show lists them"
        raise ConfigError(f"{name} is no setting; {advice}")


def _shown(name: str, value: object, source: str | None) -> str:
    shown = "not set" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if source is None:
        return shown
    is_filed = source.startswith(f"{name} in ")
    return f"{shown}  ({'config file' if is_filed else source})"
