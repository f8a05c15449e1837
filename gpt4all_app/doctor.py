"""`gpt4all doctor`: what is installed, what would be faster, what is wrong and how to mend it."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from gpt4all_app.options import Json, Model
from gpt4all_app.output import Output, counted, printable

if TYPE_CHECKING:
    from gpt4all_app.checkup.finding import Finding, Level

_STYLES: "dict[Level, str]" = {"ok": "green", "advice": "yellow", "problem": "bold red"}
_WIDTH = len("problem") + 2


def doctor(*, model: Model = None, json: Json = False) -> None:
    """Look at this installation, and name what is wrong with the command that mends it.

    Every finding is ok, an advice (it works, and could be better) or a problem. Nothing is changed, no
    model is loaded, and nothing goes to the network but a question to addresses that are set. Ends with
    exit code 1 if there is a problem.
    """
    output = Output(is_json=json)
    found = []
    for finding in _findings(model):
        found.append(finding)
        if not json:
            _show(finding, output)
    levels = Counter(finding.level for finding in found)
    if json:
        counts = {"problems": levels["problem"], "advice": levels["advice"]}
        output.document({**counts, "findings": [asdict(finding) for finding in found]})
    else:
        output.note(_summary(levels))
    if levels["problem"]:
        raise typer.Exit(1)


def _findings(model: str | None) -> "Iterator[Finding]":
    from gpt4all_app.checkup import (  # noqa: PLC0415 - not for --help
        chosen_models,
        engine,
        installation,
        kept_documents,
        places,
        serving,
    )
    from gpt4all_app.checkup.finding import Finding  # noqa: PLC0415 - as above
    from gpt4all_core.config import Settings, config_file, resolve_settings  # noqa: PLC0415 - as above
    from gpt4all_core.errors import ConfigError  # noqa: PLC0415 - as above

    yield from installation.findings()
    build = engine.probe()
    try:
        settings = resolve_settings()
    except ConfigError as error:  # which models would be used cannot be told then
        yield Finding("settings", "problem", str(error), "gpt4all config path")
        yield from engine.findings(build, Settings())
        return
    path = config_file()
    yield Finding("settings", "ok", f"{path}{'' if path.exists() else ' (not there, defaults hold)'}")
    yield from kept_documents.findings_of_settings(settings)
    yield from engine.findings(build, settings)
    yield from chosen_models.findings(model, settings, features=build.features)
    yield from places.findings(settings)
    yield from kept_documents.findings()
    yield from serving.findings()


def _show(finding: "Finding", output: Output) -> None:
    text = printable(f"{finding.about}: {finding.text}")
    lines = _wrapped(text, output.width - _WIDTH) if output.width else [text]
    output.data(Text.assemble((finding.level.ljust(_WIDTH), _STYLES[finding.level]), lines[0]))
    for line in lines[1:]:
        output.data(line, indent=_WIDTH)
    if finding.remedy:
        output.data(Text(printable(finding.remedy), "bold"), indent=_WIDTH)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines between words; paths and commands stay whole, so that they can be copied."""
    return textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)


def _summary(levels: "Counter[Level]") -> str:
    problems, advice = levels["problem"], levels["advice"]
    if not problems and not advice:
        return "all is well"
    told = [counted(problems, "problem")] * bool(problems) + [f"{advice} that could be better"] * bool(advice)
    return "; ".join(told)
