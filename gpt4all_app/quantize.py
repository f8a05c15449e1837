"""`gpt4all models quantize` and `perplexity`: make a model smaller, and see what that costs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gpt4all_app.failures import Stopped
from gpt4all_app.options import Json, OneModel
from gpt4all_app.output import Output
from gpt4all_app.paths import absolute
from gpt4all_core.errors import ConfigError

if TYPE_CHECKING:
    from gpt4all_core.engine.quantization import QuantizationRecipe, SizeForecast
    from gpt4all_core.model_loss import Loss, Perplexity

MeasuredText = Annotated[
    Path | None,
    typer.Option(
        "--text",
        metavar="FILE",
        show_default=False,
        help="What to measure with. Default: our own 2,000 words.",
    ),
]
MeasuredTokens = Annotated[
    int, typer.Option("--tokens", metavar="N", min=512, help="Read at most so many tokens of it.")
]


def quantize(
    model: OneModel,
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="TYPE", show_default=False, help="Q8_0, Q4_K_M, Q4_0, F16, …")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", show_default=False, help="The new file.")
    ] = None,
    imatrix: Annotated[
        Path | None,
        typer.Option(
            "--imatrix", metavar="FILE", show_default=False, help="An importance matrix of llama-imatrix."
        ),
    ] = None,
    pure: Annotated[bool, typer.Option("--pure", help="Every tensor in the same type.")] = False,
    leave_output_tensor: Annotated[
        bool, typer.Option("--leave-output-tensor", help="Leave output.weight as it is.")
    ] = False,
    output_tensor_type: Annotated[
        str | None,
        typer.Option("--output-tensor-type", metavar="TYPE", show_default=False, help="Of output.weight."),
    ] = None,
    token_embedding_type: Annotated[
        str | None,
        typer.Option(
            "--token-embedding-type", metavar="TYPE", show_default=False, help="Of the token embeddings."
        ),
    ] = None,
    text: MeasuredText = None,
    tokens: MeasuredTokens = 4096,
    is_measured: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure what was lost, when it is written.")
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how large it will be, and write nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write a model with its weights in another type, and measure what it lost.

    The loss is that of the next token: perplexity of both, and how far the new file's expectations
    (Kullback-Leibler divergence) are from the model's it was made of.
    """
    from gpt4all_core.catalog.resolve import resolve_model  # noqa: PLC0415 - pydantic: not for --help
    from gpt4all_core.engine.quantization import QuantizationRecipe  # noqa: PLC0415 - numpy: as above
    from gpt4all_core.requantization import forecast_size  # noqa: PLC0415 - as above

    shown = Output(is_json=json)
    source = resolve_model(model)
    recipe = QuantizationRecipe(
        to,
        imatrix=absolute(imatrix) if imatrix else None,
        pure=pure,
        leave_output_tensor=leave_output_tensor,
        output_tensor_type=output_tensor_type,
        token_embedding_type=token_embedding_type,
    )
    if dry_run:
        _show_forecast(forecast_size(source, to=recipe, isolate=True), source, recipe, shown)
        return
    target = _target(output, force=force)
    if text is not None and not text.is_file():
        raise ConfigError(f"--text {text}: there is no such file")
    forecast = _write(source, recipe, target, shown, force=force)
    measured = (
        _measure(source, target, text, tokens, shown) if is_measured else (None, "it was not asked for")
    )
    _show_result(source, target, recipe, forecast, measured=measured, shown=shown)


def perplexity(
    model: OneModel,
    *,
    text: MeasuredText = None,
    tokens: MeasuredTokens = 4096,
    json: Json = False,
) -> None:
    """Measure how well a model foretells a text, as llama-perplexity does."""
    from gpt4all_app.progress import counting_bar  # noqa: PLC0415 - not for --help
    from gpt4all_core.model_loss import perplexity as measured  # noqa: PLC0415 - numpy: not for --help

    shown = Output(is_json=json)
    with counting_bar(shown, "reading") as on_window:
        found = measured(model, text=text, tokens=tokens, on_window=on_window)
    if json:
        shown.document(asdict(found))
    else:
        shown.fields([("perplexity", _with_error(found)), ("text", _extent(found))])


def _show_result(
    source: Path,
    target: Path,
    recipe: "QuantizationRecipe",
    forecast: "SizeForecast",
    *,
    measured: "tuple[Loss | None, str | None]",
    shown: Output,
) -> None:
    loss, reason = measured
    if shown.is_json:
        shown.document(
            {
                "source": source,
                "output": target,
                "type": recipe.type,
                "size_bytes": target.stat().st_size,
                "forecast": _record(forecast),
                "loss": None if loss is None else {**asdict(loss), "perplexity_ratio": loss.perplexity_ratio},
                "not_measured": reason,
            }
        )
        return
    rows = [("source", _file(source, forecast.source_type)), ("written", _file(target, recipe.type))]
    shown.fields([*rows, *(_rows_of(loss) if loss else [("loss", f"not measured: {reason}")])])


def _target(output: Path | None, *, force: bool) -> Path:
    if output is None:
        raise ConfigError("--output FILE is missing: where to write the new model; --dry-run needs none")
    target = absolute(output)
    if target.is_dir():
        raise ConfigError(f"--output {target} is a folder; give the name of a file in it")
    if target.exists() and not force:
        raise ConfigError(f"{target} is there already; --force writes over it")
    return target


def _write(
    source: Path, recipe: "QuantizationRecipe", target: Path, shown: Output, *, force: bool
) -> "SizeForecast":
    from gpt4all_app.progress import counting_bar  # noqa: PLC0415 - not for --help
    from gpt4all_core.requantization import requantize  # noqa: PLC0415 - numpy: not for --help

    seen: list[SizeForecast] = []
    try:
        with counting_bar(shown, target.name, is_of_bytes=True) as on_bytes:

            def follow(written: int, forecast: "SizeForecast") -> None:
                if not seen:
                    seen.append(forecast)
                    for line in _notes_on(forecast, source, recipe):
                        shown.note(line)
                on_bytes(written, forecast.size_bytes)

            requantize(source, to=recipe, output=target, overwrite=force, isolate=True, on_progress=follow)
    except KeyboardInterrupt as error:
        raise Stopped("stopped; nothing was written") from error
    return seen[0]


def _measure(
    source: Path, target: Path, text: Path | None, tokens: int, shown: Output
) -> "tuple[Loss | None, str | None]":
    """The loss, or why there is none though the file is sound."""
    from gpt4all_app.progress import counting_bar  # noqa: PLC0415 - not for --help
    from gpt4all_core.model_loss import measure_loss  # noqa: PLC0415 - numpy: not for --help

    try:
        with counting_bar(shown, "measuring the loss") as on_window:
            return measure_loss(source, target, text=text, tokens=tokens, on_window=on_window), None
    except ConfigError as error:
        return None, str(error)
    except KeyboardInterrupt as error:
        raise Stopped(f"stopped; {target} is written, what it lost was not measured") from error


def _show_forecast(
    forecast: "SizeForecast", source: Path, recipe: "QuantizationRecipe", shown: Output
) -> None:
    for line in _notes_on(forecast, source, recipe)[1:]:
        shown.note(line)
    if shown.is_json:
        shown.document({"source": source, "type": recipe.type, "forecast": _record(forecast)})
        return
    weights = ", ".join(f"{count / 1e6:,.1f} M {kind}" for kind, count in forecast.weights.items())
    shown.fields([("size", _described(forecast)), ("weights", weights)])


def _notes_on(forecast: "SizeForecast", source: Path, recipe: "QuantizationRecipe") -> list[str]:
    lines = [f"{recipe.type}: {_described(forecast)}"]
    if forecast.was_quantised:
        lines.append(
            f"{source.name} is quantised already ({forecast.source_type}): what it lost stays lost, and it"
            " may lose again; an F16 or F32 file of the model gives a better result"
        )
    if forecast.fallbacks:
        lines.append(
            f"{forecast.fallbacks} of {forecast.tensors} tensors have rows that their type's blocks do not"
            " divide, and get another, mostly larger one"
        )
    if forecast.needs_importance and recipe.imatrix is None:
        lines.append("it cannot be written without an importance matrix (--imatrix)")
    return lines


def _record(forecast: "SizeForecast") -> dict[str, Any]:
    return {**asdict(forecast), "bits_per_weight": forecast.bits_per_weight}


def _described(forecast: "SizeForecast") -> str:
    return (
        f"{forecast.size_bytes / 1e6:,.0f} MB, {forecast.bits_per_weight:.2f} bits a weight;"
        f" the source has {forecast.source_bytes / 1e6:,.0f} MB"
    )


def _file(path: Path, kind: str | None) -> str:
    return f"{path}, {kind}, {path.stat().st_size / 1e6:,.0f} MB"


def _rows_of(loss: "Loss") -> list[tuple[str, str]]:
    divergence = f"{loss.kl_mean:.4f} ± {loss.kl_standard_error:.4f} nats"
    return [
        ("perplexity", f"{_with_error(loss.source)} before, {_with_error(loss.result)} after"),
        ("ratio", f"{loss.perplexity_ratio:.4f}"),
        ("divergence", f"{divergence}; 99 of 100 tokens are below {loss.kl_99:.4f}"),
        ("same token", f"{loss.same_top:.1%} have the same likeliest one"),
        ("text", _extent(loss.source)),
    ]


def _with_error(found: "Perplexity") -> str:
    return f"{found.value:.3f} ± {found.standard_error:.3f}"


def _extent(found: "Perplexity") -> str:
    return f"{found.windows} windows of {found.context_tokens} tokens, {found.scored_tokens:,} of them scored"
