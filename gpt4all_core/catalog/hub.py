"""The Hugging Face Hub, by its own client; nothing else here knows it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpt4all_core.catalog.reference import HuggingFaceReference, choose_files
from gpt4all_core.errors import DownloadError

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository and what is known to check it by."""

    repository: str
    name: str
    size_bytes: int
    sha256: str | None = None
    md5: str | None = None


def list_remote_files(reference: HuggingFaceReference) -> list[RemoteFile]:
    """Ask the hub which files a reference means; raises DownloadError or ModelNotFound."""
    try:
        info = _api().model_info(reference.repository, files_metadata=True)
    except Exception as error:  # its HTTP client, and so its errors, differ between versions
        raise _translated(error, str(reference)) from error
    files = {file.rfilename: file for file in info.siblings or ()}
    chosen = (files[name] for name in choose_files(files, reference))
    return [
        RemoteFile(
            reference.repository, file.rfilename, file.size or 0, sha256=file.lfs.sha256 if file.lfs else None
        )
        for file in chosen
    ]


def fetch_from_hub(
    file: RemoteFile, folder: Path, *, on_progress: Callable[[int, int], None] | None = None
) -> Path:
    """Fetch one file into the folder, continuing an earlier attempt; raises DownloadError."""
    try:
        path = _api().hf_hub_download(
            file.repository,
            file.name,
            local_dir=folder,
            tqdm_class=_progress_bar(on_progress, file.size_bytes),
        )
    except Exception as error:  # as above
        raise _translated(error, f"{file.repository}/{file.name}") from error
    return Path(path)


def _api() -> "HfApi":
    # The client reads this when it is first imported; nobody is told what is fetched.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi  # noqa: PLC0415 - heavy, and needed for downloads only

    return HfApi(library_name="gpt4all-adapters")


def _translated(error: Exception, what: str) -> DownloadError:
    from huggingface_hub import errors  # noqa: PLC0415 - as above

    if isinstance(error, errors.GatedRepoError):
        advice = "its licence must be accepted on its page first; then run: hf auth login"
    elif isinstance(error, errors.RepositoryNotFoundError):
        advice = "there is no such repository, or it is private; check the name"
    elif isinstance(error, errors.RemoteEntryNotFoundError):
        advice = "the repository has no such file; check the name"
    elif isinstance(error, errors.HfHubHTTPError):
        advice = f"the hub answered: {error}"
    else:
        advice = f"no connection to the hub ({error}); check the network and run the same again"
    return DownloadError(f"hf:{what.removeprefix('hf:')}: {advice}")


def _progress_bar(on_progress: Callable[[int, int], None] | None, size_bytes: int) -> Any:
    """A bar in the client's sense that draws nothing and reports the bytes that are there.

    The client may count one file twice, as it arrives and as it is written; only what is more
    than before is reported.
    """
    from tqdm.auto import tqdm  # type: ignore[import-untyped]  # noqa: PLC0415 - no types; as above

    highest = 0

    class Reporter(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.arrived = int(options.get("initial") or 0)
            super().__init__(*arguments, **(options | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            nonlocal highest
            self.arrived += int(n or 0)
            if on_progress and highest < self.arrived <= size_bytes:
                highest = self.arrived
                on_progress(highest, size_bytes)

    return Reporter
