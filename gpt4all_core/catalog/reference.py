"""How people name models: catalog names, files, and `hf:owner/repo[:quant-or-file]`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gpt4all_core.errors import ModelNotFound

HUGGING_FACE_PREFIX = "hf:"
PREFERRED_QUANTISATIONS = ("Q4_K_M", "Q4_0", "Q5_K_M", "Q8_0", "F16")
"""Tried in this order where a repository has several files and none was named: the first is
what llama.cpp's own tools fetch by default, half the size of Q8_0 at little loss."""

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


def choose_files(names: Iterable[str], reference: HuggingFaceReference) -> list[str]:
    """The files of a repository that the reference means: one, or all parts of a split model.

    A selector matches a whole file name, else a quantisation in the name, in any case. Raises
    ModelNotFound if nothing or more than one model matches.
    """
    every = sorted(name for name in names if name.endswith(".gguf"))
    models = [name for name in every if not _LATER_PART.search(name) and "mmproj" not in name.lower()]
    found = _matching(models, reference.selector)
    if len(found) != 1:
        problem = "several files match" if found else "no file matches"
        listed = ", ".join(found or models) or "no .gguf file at all"
        raise ModelNotFound(
            f"{reference}: {problem}; name one as hf:{reference.repository}:FILE. It has: {listed}",
            near_misses=[f"{HUGGING_FACE_PREFIX}{reference.repository}:{name}" for name in found or models],
        )
    return _with_parts(found[0], every)


def _matching(models: list[str], selector: str) -> list[str]:
    if selector in models:
        return [selector]
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


def _with_parts(name: str, every: list[str]) -> list[str]:
    match = _PART.search(name)
    if match is None:
        return [name]
    stem = name[: match.start()]
    return [other for other in every if other.startswith(stem) and _PART.search(other, len(stem))]
