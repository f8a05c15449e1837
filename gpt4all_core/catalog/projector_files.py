"""The projector that belongs to a model file, where it lies beside it.

Projectors are published in the model's folder or repository as `mmproj-….gguf`. A wrong one of the same
width would be loaded as well and have the model see and hear what is not there, so names have to agree too.
"""

import re
from pathlib import Path

from gpt4all_core.catalog.found_elsewhere import ollama
from gpt4all_core.catalog.gguf import read_header
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.gguf_projector_check import output_width
from gpt4all_core.errors import ModelLoadError

_IS_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+|\d+")
_NO_NAME = re.compile(
    r"^(mm|proj|mmproj|model|gguf|clip|vision|audio|encoder|projector|f|bf|fp|q|k|m|s|l|\d+)$"
)
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}$")
_PREFERRED = ("F16", "BF16", "Q8_0", "F32")
"""By the type of most weights: what computes quickest at full precision first."""


def find_projector(model: Path, header: GGUFHeader) -> Path | None:
    """The projector beside a model's file that fits to it, or None.

    It has to make rows of the model's width. Its file name has to be made of words of the model's, or
    to have none of its own (`mmproj-F16.gguf`) and all models of the folder to be of this one's kind.
    Of several that differ in their types the quickest is taken. Ollama, whose files have no such names,
    says itself which one belongs to its model. header: the model's.
    """
    kept = ollama.find_by_path(model)
    if kept is not None:
        return kept.projector
    fitting = [
        (path, found)
        for path in sorted(model.parent.glob("*.gguf"))
        if _IS_PROJECTOR.search(path.name)
        and (found := _header_or_none(path)) is not None
        and output_width(found) == header.embedding_length
    ]
    words = _words(model)
    named = [entry for entry in fitting if _words(entry[0]) and _words(entry[0]) <= words]
    nameless = [entry for entry in fitting if not _words(entry[0])]
    if not named and nameless and not _is_alone(model, header):
        return None
    chosen = named or nameless
    return min(chosen, key=lambda entry: _rank(entry[1]))[0] if chosen else None


def _is_alone(model: Path, header: GGUFHeader) -> bool:
    """Whether all models of the folder are of one architecture and width, as variants of one are."""
    for path in model.parent.glob("*.gguf"):
        if path == model or _IS_PROJECTOR.search(path.name) or _LATER_PART.search(path.stem):
            continue
        other = _header_or_none(path)
        if other is None or (other.architecture, other.embedding_length) != (
            header.architecture,
            header.embedding_length,
        ):
            return False
    return True


def _header_or_none(path: Path) -> GGUFHeader | None:
    try:
        return read_header(path)
    except ModelLoadError:  # another file of the folder, which nobody asked for
        return None


def _words(path: Path) -> frozenset[str]:
    """What a file is called, without the words and numbers that all such files have."""
    words = _WORD.findall(path.stem.lower())
    return frozenset(word for word in words if not _NO_NAME.match(word))


def _rank(header: GGUFHeader) -> int:
    types = [tensor.type.name for tensor in header.tensors if len(tensor.shape) > 1]
    common = max(set(types), key=types.count, default="")
    return _PREFERRED.index(common) if common in _PREFERRED else len(_PREFERRED)
