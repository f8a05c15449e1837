"""Make the virtual environment that the make targets use: `python3 tools/install.py .venv`.

Runs on the standard library of Python 3.11 or later. Steps that are done are not done again: pip
keeps what it downloaded and the llama.cpp it built, so an interrupted run goes on where it was.
Extra arguments of pip can be given through the PIP_… environment variables, and CMAKE_ARGS adds to
the build of llama.cpp (`CMAKE_ARGS=-DGGML_CUDA=on make demo`, see docs/install.md).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default=".venv", type=Path)
    install(parser.parse_args().folder, cmake_args=os.environ.get("CMAKE_ARGS", ""))


def install(folder: Path, *, cmake_args: str = "") -> None:
    """Everything into the virtual environment `folder`; made if it is not there or not whole."""
    check_machine()
    python = folder / "bin" / "python"
    if not python.exists() or not has_pip(python):
        say(f"making {folder}")
        venv.create(folder, with_pip=True, clear=folder.exists())
    pip = [str(python), "-m", "pip", "install", "--constraint", str(CONSTRAINTS)]
    pinned = llama_requirement()
    if not is_installed(python, *pinned.split("==")):
        # pip keeps builds by their source alone and would give out one with other arguments.
        own_build = ["--no-cache-dir"] if cmake_args else []
        variables = {"CMAKE_ARGS": cmake_args} if cmake_args else {}
        title = f"building {pinned} from source; about ten minutes on two cores, once on this machine"
        step(title, [*pip, *own_build, pinned], variables)
        if not own_build and not reads_media(python):
            say("pip had a build without pictures and sounds")
            step(title, [*pip, "--no-cache-dir", "--force-reinstall", "--no-deps", pinned], variables)
    elif cmake_args:
        say(f"{pinned} is there and stays as it was built; for another build: make clean")
    step(
        "installing the project and what it needs; one or two minutes",
        [*pip, "--editable", f"{ROOT}[all,dev]"],
        {},
    )
    (folder / ".ready").touch()


def check_machine() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this is what is being checked
        stop(
            f"Python 3.11 or later is needed, this is {sys.version.split()[0]}; run: make PYTHON=python3.11 …"
        )
    missing = [tool for tool in ("gcc", "g++", "make") if shutil.which(tool) is None]
    if missing:
        stop(
            f"{' and '.join(missing)} not found, and llama.cpp is compiled here."
            " On Debian: apt install gcc g++ make"
        )
    if sys.platform == "linux" and not has_module("ensurepip"):
        stop("Python's venv module is incomplete; on Debian: apt install python3-venv python3-dev")


def has_module(name: str) -> bool:
    return (
        subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, check=False).returncode
        == 0
    )


def has_pip(python: Path) -> bool:
    """Whether the environment is whole; making it may have been interrupted."""
    return (
        subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode
        == 0
    )


def llama_requirement() -> str:
    """The pinned llama-cpp-python, as the constraints file has it."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("llama_cpp_python=="))


def is_installed(python: Path, name: str, version: str) -> bool:
    code = f"import importlib.metadata as m; print(m.version({name!r}))"
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return found.stdout.strip() == version


def reads_media(python: Path) -> bool:
    """Whether the llama.cpp that is installed has its library for pictures and sounds."""
    code = (
        "import importlib.metadata as m;"
        " print(any(f.name.startswith(('libmtmd', 'mtmd.dll')) for f in m.files('llama_cpp_python')))"
    )
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return found.stdout.strip() == "True"


def step(title: str, command: list[str], environment: dict[str, str]) -> None:
    """Run one command quietly, with the time that passes; show the end of its output if it fails."""
    say(title)
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, "--disable-pip-version-check", "--no-input"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
        )
        ticking = threading.Event()
        clock = threading.Thread(target=tick, args=(ticking, started), daemon=True)
        clock.start()
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            stop("interrupted; the same command goes on from here")
        finally:
            ticking.set()
            clock.join()
        if code:
            log.seek(0)
            print("".join(log.readlines()[-40:]), file=sys.stderr)
            stop(f"failed: {' '.join(command)}\nthe end of its output stands above")
    say(f"done in {time.monotonic() - started:.0f} s")


def tick(stopped: threading.Event, started: float) -> None:
    """Say that it is still alive: every second on a terminal, every minute elsewhere."""
    is_terminal = sys.stderr.isatty()
    while not stopped.wait(1 if is_terminal else 60):
        passed = time.monotonic() - started
        text = f"  {int(passed // 60)} min {int(passed % 60):02d} s"
        print(
            f"\r{text}" if is_terminal else text, end="" if is_terminal else "\n", file=sys.stderr, flush=True
        )
    if is_terminal:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def say(text: str) -> None:
    print(f"[install] {text}", file=sys.stderr, flush=True)


def stop(text: str) -> None:
    say(text)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
