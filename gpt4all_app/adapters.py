"""`gpt4all models adapters`: the LoRA adapters that can be named."""

from dataclasses import asdict

from gpt4all_app.options import Json
from gpt4all_app.output import Output


def adapters(*, json: Json = False) -> None:
    """Show the LoRA adapters on this disk, by the names that adapters= takes."""
    from gpt4all_app.columns import aligned  # noqa: PLC0415 - not for --help
    from gpt4all_app.quantities import as_bytes  # noqa: PLC0415 - as above
    from gpt4all_core.catalog.adapter_files import (  # noqa: PLC0415 - as above
        adapter_faults,
        adapters_folder,
        list_adapters,
    )

    output = Output(is_json=json)
    found, faults = list_adapters(), adapter_faults()
    if json:
        document = {"folder": adapters_folder(), "adapters": [asdict(adapter) for adapter in found]}
        output.document({**document, "faults": faults})
        return
    if found:
        rows = [
            [
                adapter.name,
                adapter.base_model or adapter.architecture or "-",
                as_bytes(adapter.size_bytes) or "-",
                str(adapter.path),
            ]
            for adapter in found
        ]
        output.data(aligned([["NAME", "FOR", "SIZE", "WHERE"], *rows], right=[2]))
    for fault in faults:
        output.note(f"left out: {fault}")
    output.note(f"adapters are looked for in {adapters_folder()}")
