"""Ollama: manifests by name, whose layers are files named by their content's hash.

`manifests/HOST/NAMESPACE/MODEL/TAG` is JSON; its layer of the type `…image.model` is the GGUF file
`blobs/sha256-…`, used in place. Later versions write `manifests-v2`, and lists of manifests by runner.
"""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gpt4all_core.catalog.found_elsewhere.gguf_files import is_file
from gpt4all_core.catalog.found_elsewhere.kept_file import KeptFile

PROGRAM = "Ollama"
_HOST, _NAMESPACE, _TAG = "registry.ollama.ai", "library", "latest"
_LAYER = "application/vnd.ollama.image."
_RUNNERS = ("llamacpp", "ollama", "")
"""Those of a list whose weights are GGUF files, and that of a manifest from before there were lists."""
_HUB_HOSTS = ("hf.co", "huggingface.co")
_DIGEST = re.compile(r"sha256[:-](?P<hash>[0-9a-f]{64})")
_NAME = re.compile(
    r"(?:(?:(?P<host>[\w.-]+(?::\d+)?)/)?(?P<namespace>[\w-]+)/)?(?P<model>[\w.-]+)(?::(?P<tag>[\w.-]+))?"
)


def kept_files(repository: str | None = None) -> Iterator[KeptFile]:
    """All of them, or those fetched from one repository of the Hub, as `hf.co/owner/repository:quant`."""
    for folder in _folders():
        seen: set[tuple[str, ...]] = set()
        for root in (folder / "manifests-v2", folder / "manifests"):
            for manifest in _manifests(root):
                parts = manifest.relative_to(root).parts
                if parts in seen:
                    continue
                seen.add(parts)
                kept = _kept(folder, manifest, parts)
                if kept is not None and (repository is None or kept.repository == repository):
                    yield kept


def find_by_name(reference: str) -> KeptFile | None:
    """The model of this name, in any of the forms that Ollama takes and in any case, or None."""
    match = _NAME.fullmatch(reference)
    if match is None:
        return None
    wanted = _full_name(
        match["host"] or _HOST, match["namespace"] or _NAMESPACE, match["model"], match["tag"] or _TAG
    )
    return next((kept for kept in kept_files() if kept.names[-1] == wanted), None)


def find_by_path(path: Path) -> KeptFile | None:
    """What a blob is, or None for any other file; of several names the first."""
    if _DIGEST.fullmatch(path.name) is None:
        return None
    return next((kept for kept in kept_files() if kept.path == path), None)


def _kept(folder: Path, manifest: Path, parts: tuple[str, ...]) -> KeptFile | None:
    layers: dict[str, list[Path]] = {}
    for kind, blob in _layers(folder, manifest):
        layers.setdefault(kind, []).append(blob)
    if len(layers.get("model", ())) != 1:  # no weights, or weights in a form of their own
        return None
    path = layers["model"][0]
    host, namespace, model, tag = parts
    is_from_hub = host in _HUB_HOSTS  # then the tag is a quantisation, or a file's name
    return KeptFile(
        path,
        PROGRAM,
        f"{tag.removesuffix('.gguf')}.gguf" if is_from_hub else path.name,
        folder,
        repository=f"{namespace}/{model}" if is_from_hub else None,
        names=(_short_name(*parts), _full_name(host, namespace, model, tag)),
        sha256=path.name.removeprefix("sha256-"),
        projector=next(iter(layers.get("projector", ())), None),
        adapters=tuple(layers.get("adapter", ())),
    )


def _layers(folder: Path, manifest: Path) -> Iterator[tuple[str, Path]]:
    """Kind and file of each layer that lies whole on this disk."""
    for layer in _records(_runnable(folder, _read(manifest)), "layers"):
        kind = str(layer.get("mediaType"))
        digest = _DIGEST.fullmatch(str(layer.get("digest")))
        if digest is None or not kind.startswith(_LAYER):
            continue
        blob = folder / "blobs" / f"sha256-{digest['hash']}"
        if is_file(blob) and blob.stat().st_size == layer.get("size", blob.stat().st_size):
            yield kind.removeprefix(_LAYER), blob


def _runnable(folder: Path, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The manifest itself, or of a list the one for llama.cpp, which may be a blob of its own."""
    children = _records(manifest, "manifests")
    if not children:
        return manifest
    by_runner = {str(child.get("runner", "")).lower(): child for child in reversed(children)}
    chosen: Mapping[str, Any] = next((by_runner[runner] for runner in _RUNNERS if runner in by_runner), {})
    digest = _DIGEST.fullmatch(str(chosen.get("digest", "")))
    if digest is None or chosen.get("layers"):
        return chosen
    return _read(folder / "blobs" / f"sha256-{digest['hash']}")


def _read(manifest: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # being written, or not for us
        return {}
    return content if isinstance(content, dict) else {}


def _records(manifest: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = manifest.get(key)
    return [record for record in found if isinstance(record, dict)] if isinstance(found, list) else []


def _manifests(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.glob("*/*/*/*") if is_file(path))
    except OSError:
        return []


def _full_name(host: str, namespace: str, model: str, tag: str) -> str:
    return f"{host}/{namespace}/{model}:{tag}".casefold()


def _short_name(host: str, namespace: str, model: str, tag: str) -> str:
    """As Ollama lists it."""
    if host != _HOST:
        return f"{host}/{namespace}/{model}:{tag}"
    return f"{model}:{tag}" if namespace == _NAMESPACE else f"{namespace}/{model}:{tag}"


def _folders() -> list[Path]:
    if models := os.environ.get("OLLAMA_MODELS"):
        return [Path(models).expanduser()]
    folders = [Path.home() / ".ollama" / "models"]
    if sys.platform == "linux":  # where its installer has the service keep them
        folders.append(Path("/usr/share/ollama/.ollama/models"))
    return folders
