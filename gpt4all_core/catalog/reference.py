"""How people name models: catalog names, files, and `hf:owner/repo[:quant-or-file]`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gpt4all_core.errors import ModelNotFound

HUGGING_FACE_PREFIX = "hf:"
PREFERRED_QUANTISATIONS = ("Q4_K_M", "Q4_0", "Q5_K_M", "Q8_0", "F16")
"""Tried in this order where a repository has several files and none was named: the first is
what llama.cpp's own tools fetch by default, half the size of Q8_0 at little loss."""

_PROJECTOR_TYPES = ("F16", "BF16", "Q8_0", "F32")
_HUGGING_FACE = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?::(?P<selector>[\w./-]+))?")
_LATER_PART = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")
_PART = re.compile(r"-\d{5}-of-(?P<count>\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class HuggingFaceReference:
    """A model on the Hugging Face Hub; `selector` is a file's name, a quantisation, or empty."""

    repository: str
    selector: str = ""

    def __str__(self) -> str:
        return HUGGING_FACE_PREFIX + self.repository + (f":{self.selector}" if self.selector else "")


def parse_hugging_face(reference: str) -> HuggingFaceReference:
    """Read `hf:owner/repo[:quant-or-file]`; raises ModelNotFound for anything else."""
    match = _HUGGING_FACE.fullmatch(reference)
    if match is None or ".." in reference:
        raise ModelNotFound(f"{reference!r} is not of the form hf:owner/repo[:quant-or-file]")
    return HuggingFaceReference(match["repository"], match["selector"] or "")


def choose_files(
    names: Iterable[str], reference: HuggingFaceReference, *, has_parts: bool = True
) -> list[str]:
    """The files of a repository that the reference means: one, or all parts of a split model.

    A selector matches a whole file name, with or without the folders before it, else a quantisation in
    the name, in any case. Raises ModelNotFound if nothing or more than one model matches, or a part of
    it is not among the names. has_parts: False where only the first parts are named.
    """
    every = sorted(name for name in names if name.endswith(".gguf"))
    models = [name for name in every if not _LATER_PART.search(name) and not _is_projector(name)]
    found = _matching(models, reference.selector)
    if len(found) != 1:
        problem = "several files match" if found else "no file matches"
        listed = ", ".join(found or models) or "no .gguf file at all"
        raise ModelNotFound(
            f"{reference}: {problem}; name one as hf:{reference.repository}:FILE. It has: {listed}",
            near_misses=[f"{HUGGING_FACE_PREFIX}{reference.repository}:{name}" for name in found or models],
        )
    return _with_parts(found[0], every, reference) if has_parts else found


def choose_projector(names: Iterable[str], model: str) -> str | None:
    """The projector that a repository has for a model's file, in the same folder; None for most.

    Of several that differ in their types the one that computes quickest at full precision.
    """
    folder = model.rpartition("/")[0]
    found = sorted(
        name
        for name in names
        if name.endswith(".gguf") and _is_projector(name) and name.rpartition("/")[0] == folder
    )
    for quantisation in _PROJECTOR_TYPES:
        for name in found:
            if _names_quantisation(name, quantisation):
                return name
    return found[0] if found else None


def _is_projector(name: str) -> bool:
    return "mmproj" in name.rpartition("/")[2].lower()


def _matching(models: list[str], selector: str) -> list[str]:
    if selector in models:
        return [selector]
    if selector.endswith(".gguf"):
        return [name for name in models if name.rpartition("/")[2] == selector]
    if selector:
        return [name for name in models if _names_quantisation(name, selector)]
    if len(models) == 1:
        return models
    for quantisation in PREFERRED_QUANTISATIONS:
        found = [name for name in models if _names_quantisation(name, quantisation)]
        if found:
            return found
    return models


def _names_quantisation(name: str, quantisation: str) -> bool:
    """Whether the quantisation stands in the name as a word: `Q4_K` is not in `Q4_K_M`."""
    pattern = rf"(?<![a-z0-9_]){re.escape(quantisation.lower())}(?![a-z0-9_])"
    return re.search(pattern, name.lower()) is not None


def _with_parts(name: str, every: list[str], reference: HuggingFaceReference) -> list[str]:
    match = _PART.search(name)
    if match is None:
        return [name]
    count = int(match["count"])
    parts = [f"{name[: match.start()]}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    missing = [part for part in parts if part not in every]
    if missing:
        raise ModelNotFound(f"{reference}: of {count} parts the repository lacks {', '.join(missing)}")
    return parts
