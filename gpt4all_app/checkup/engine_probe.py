"""What this build of llama.cpp is and finds, as JSON: `python -m gpt4all_app.checkup.engine_probe`.

A process of its own, because a build for another processor ends the one that loads it.
"""

import json
import sys
from dataclasses import asdict

from gpt4all_core.errors import ModelLoadError


def main() -> None:
    try:
        from gpt4all_core.engine.llama.devices import (  # noqa: PLC0415 - heavy, and may raise
            list_devices,
            processor_features,
        )
    except ModelLoadError as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return
    devices = [asdict(device) for device in list_devices()]
    sys.stdout.write(json.dumps({"features": sorted(processor_features()), "devices": devices}))


if __name__ == "__main__":
    main()
