"""`gpt4all models recommend`: what to run on this machine, why, and how fast it will be."""

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gpt4all_app.options import Json
from gpt4all_app.output import Output
from gpt4all_app.quantities import as_bytes

if TYPE_CHECKING:
    from gpt4all_core.recommendation import Advice, Choice

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(k|m|g|t)?i?b?", re.IGNORECASE)
_POWERS = {"k": 10, "m": 20, "g": 30, "t": 40}


def size_in_bytes(text: str) -> int:
    """Bytes of `8GB`, `8 GiB`, `512M` or a plain number; memory is sold in powers of two."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size; write 8GB, 512MB or a number of bytes")
    return int(float(match[1]) * 2 ** _POWERS.get((match[2] or "").lower(), 0))


def recommend(
    *,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory", metavar="SIZE", help="Reckon with so much memory, as 8GB. Default: this machine's."
        ),
    ] = None,
    licence: Annotated[
        Literal["any", "commercial"],
        typer.Option("--licence", help="commercial: only models that may earn money."),
    ] = "any",
    task: Annotated[
        Literal["chat", "code", "embed", "rerank"], typer.Option("--task", help="What it is for.")
    ] = "chat",
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="CODE", help="One that it was made for, by its ISO 639-1 code."),
    ] = None,
    json: Json = False,
) -> None:
    """Name models to run on this machine, why, and how fast they will be.

    Measures for two or three seconds how fast this machine computes with the types of weights that the
    candidates have.
    """
    from gpt4all_core.catalog.wishes import Wishes  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.errors import ModelNotFound  # noqa: PLC0415 - as above
    from gpt4all_core.recommendation import recommend as advice_for  # noqa: PLC0415 - as above

    output = Output(is_json=json)
    advice = advice_for(Wishes(task, licence, language), memory=size_in_bytes(memory) if memory else None)
    if advice.fault:
        raise ModelNotFound(advice.fault)
    if json:
        output.document(_document(advice))
        return
    output.note(_machine(advice))
    output.data("\n\n".join(_paragraph(choice, advice) for choice in advice.choices))


def _document(advice: "Advice") -> dict[str, object]:
    choices = [
        {
            "name": choice.entry.name,
            "path": choice.path,
            "get": _how_to_get(choice),
            "memory_bytes": choice.memory_bytes,
            "licence": choice.entry.licence.id if choice.entry.licence else None,
            "commercial_use": choice.entry.commercial_use,
            "speed": asdict(choice.speed) if choice.speed else None,
            "reason": choice.reason,
        }
        for choice in advice.choices
    ]
    measured = [asdict(speed) for speed in advice.measured]
    return {"machine": asdict(advice.machine), "task": advice.task, "choices": choices, "measured": measured}


def _machine(advice: "Advice") -> str:
    machine = advice.machine
    devices = ", ".join(device.description for device in machine.devices) or "no graphics card"
    cores = "1 core" if machine.cores == 1 else f"{machine.cores} cores"
    memory = f"{machine.memory_bytes / 2**30:.1f} GiB ({as_bytes(machine.memory_bytes)}) of memory"
    return f"{cores}, {memory}, {devices}"


def _paragraph(choice: "Choice", advice: "Advice") -> str:
    speed = _speed(choice, advice)
    where = f"here: {choice.path}" if choice.path else f"get it with: {_how_to_get(choice)}"
    return "\n  ".join(filter(None, (choice.entry.name, choice.reason, speed, where)))


def _speed(choice: "Choice", advice: "Advice") -> str:
    speed = choice.speed
    if speed is None:
        return ""
    reads = f"reads about {_rounded(speed.prompt_tokens_per_s)} tokens/s"
    if advice.task in ("embed", "rerank"):
        return reads
    between = f"{_rounded(speed.lowest)} to {_rounded(speed.highest)}"
    return f"writes about {_rounded(speed.tokens_per_s)} tokens/s ({between}), {reads}"


def _rounded(number: float) -> str:
    """Two digits are more than is known."""
    return f"{number:.1f}" if number < 10 else f"{float(f'{number:.2g}'):,.0f}"


def _how_to_get(choice: "Choice") -> str | None:
    from gpt4all_app.model_facts import how_to_get  # noqa: PLC0415 - pydantic: not for --help

    return None if choice.path else how_to_get(choice.entry)
