"""What models are computed with: llama.cpp, its kernels, threads and accelerators."""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpt4all_app.checkup.finding import Finding
from gpt4all_app.checkup.taken_back import taken_back
from gpt4all_app.output import counted
from gpt4all_core.batch_kernels import fast_types
from gpt4all_core.config import Settings
from gpt4all_core.engine.devices import Device, choose_devices, list_names
from gpt4all_core.engine.llama.self_test import VERSION
from gpt4all_core.engine.threads import usable_cores
from gpt4all_core.errors import ConfigError

PROBE_TIMEOUT_S = 120
"""Loading llama.cpp takes under a second; a driver that looks for its cards may take longer."""

_BUILD = f"pip install --force-reinstall --no-cache-dir llama-cpp-python=={VERSION}"
_PROCESSOR_FLAGS = Path("/proc/cpuinfo")
_NVIDIA = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Build:
    """What a build of llama.cpp told; fault: why it cannot be used, or an empty string."""

    features: frozenset[str] = frozenset()
    devices: tuple[Device, ...] = ()
    fault: str = ""


def probe() -> Build:
    """Ask llama.cpp in a child process, whose death is a fault and not the end."""
    command = [sys.executable, "-m", "gpt4all_app.checkup.engine_probe"]
    try:
        child = subprocess.run(  # noqa: S603 - ourselves
            command, capture_output=True, check=False, timeout=PROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return Build(fault=f"did not answer within {PROBE_TIMEOUT_S} s")
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return Build(fault=f"ended its process with {name}: it was built for another processor")
    try:
        told: dict[str, Any] = json.loads(child.stdout)
    except ValueError:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return Build(fault=f"cannot be loaded: {' '.join(last) or f'exit code {child.returncode}'}")
    if "error" in told:
        return Build(fault=told["error"])
    return Build(frozenset(told["features"]), tuple(Device(**device) for device in told["devices"]))


def findings(build: Build, settings: Settings) -> Iterator[Finding]:
    """Of a build, under these settings."""
    if build.fault:
        yield Finding("llama.cpp", "problem", build.fault, _BUILD)
        return
    yield Finding("llama.cpp", "ok", f"llama-cpp-python {VERSION}")
    yield _kernels(build)
    yield _accelerator(build, settings)
    yield _threads(settings)
    yield _waiting()


def _kernels(build: Build) -> Finding:
    unused = {"avx2", "avx512f"} & _processor_flags() - {name.lower() for name in _widened(build.features)}
    if unused:
        text = f"this build does not use {', '.join(sorted(unused)).upper()}, which the processor has"
        return Finding("kernels", "advice", text, _BUILD)
    fast = fast_types(build.features)
    if not fast:
        return Finding("kernels", "ok", "nothing is known of this processor")
    return Finding("kernels", "ok", f"fast for prompts and several requests: {', '.join(sorted(fast))}")


def _widened(features: frozenset[str]) -> set[str]:
    """The names of ggml, and the processor's name for the one that differs."""
    return {*features, *({"avx512f"} if "AVX512" in features else ())}


def _processor_flags() -> set[str]:
    try:
        lines = _PROCESSOR_FLAGS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return set(next((line.split() for line in lines if line.startswith("flags")), ()))


def _accelerator(build: Build, settings: Settings) -> Finding:
    about = "accelerator"
    try:
        chosen = choose_devices(build.devices, settings.device or "auto")
    except ConfigError as error:
        return Finding(about, "problem", str(error), taken_back("device"))
    if chosen:
        return Finding(about, "ok", list_names(chosen))
    if settings.device == "cpu":
        return Finding(about, "ok", "none is used: the setting device is cpu")
    if _NVIDIA.exists() or shutil.which("nvidia-smi"):
        text = "an NVIDIA card is here, and this build of llama.cpp computes on the processor alone"
        return Finding(about, "advice", text, f"CMAKE_ARGS=-DGGML_CUDA=on {_BUILD}")
    if (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        text = "this build of llama.cpp leaves Apple's graphics unused"
        return Finding(about, "advice", text, f"CMAKE_ARGS=-DGGML_METAL=on {_BUILD}")
    return Finding(about, "ok", "none found; models run on the processor")


def _threads(settings: Settings) -> Finding:
    cores = usable_cores()
    if settings.threads is not None and settings.threads > cores:
        text = f"{settings.threads} are set, and this process may use {counted(cores, 'core')}"
        return Finding("threads", "advice", text, taken_back("threads"))
    return Finding("threads", "ok", f"{settings.threads or cores} of {counted(cores, 'core')}")


def _waiting() -> Finding:
    """What threads do between two steps; see `gpt4all_core/engine/llama/library.py` for what it costs."""
    policy = os.environ.get("OMP_WAIT_POLICY", "")
    if policy.lower() == "active":
        text = "threads spin while they wait, which beside other programs takes most of the speed"
        return Finding("OpenMP", "advice", text, "unset OMP_WAIT_POLICY")
    if policy and "GOMP_SPINCOUNT" not in os.environ:
        text = "threads sleep as soon as they wait, which on a quiet machine costs two thirds of the speed"
        return Finding("OpenMP", "advice", text, "unset OMP_WAIT_POLICY")
    return Finding("OpenMP", "ok", "threads look around shortly before they sleep")
