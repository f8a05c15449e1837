"""The Hugging Face Hub, by its own client; nothing else here knows it.

The client finds files, tokens, mirrors and checksums. The bytes are fetched by `transfer`, because the
client (seen in 2.4.0) begins every download anew, in a temporary file that it removes when it is cut.
"""

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gpt4all_core.catalog.patience import Interrupted, Unreachable, is_busy, pause_asked_for, until_done
from gpt4all_core.catalog.reference import HuggingFaceReference, choose_files, choose_projector
from gpt4all_core.catalog.transfer import Address
from gpt4all_core.errors import DownloadError

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo
    from huggingface_hub.hf_api import RepoSibling

LARGEST_BYTES = 50_000_000_000
"""The Hub sends larger files to its own client only, and no model has to be one: they may be split."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HUB_HOSTS = ("huggingface.co", "hf.co")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository and what is known to check it by.

    revision: the commit that was listed, so that all parts of a model are of one.
    """

    repository: str
    name: str
    size_bytes: int
    sha256: str | None = None
    revision: str = "main"

    def __str__(self) -> str:
        return f"hf:{self.repository}:{self.name}"


def list_remote_files(reference: HuggingFaceReference, *, with_projector: bool = True) -> list[RemoteFile]:
    """Ask the Hub which files a reference means: the model's in order, then a projector if it has one.

    Raises ModelNotFound for a name that the repository does not have, and DownloadError.
    """
    info = until_done(lambda: _model_info(reference))
    files = {file.rfilename: file for file in info.siblings or ()}
    chosen = choose_files(files, reference)
    projector = choose_projector(files, chosen[0]) if with_projector else None
    commit = info.sha or "main"
    names = (*chosen, *([projector] if projector else ()))
    return [_of_sibling(files[name], reference.repository, commit) for name in names]


def _of_sibling(sibling: "RepoSibling", repository: str, commit: str) -> RemoteFile:
    name = sibling.rfilename
    size_bytes = _known_size(sibling.size, f"hf:{repository}:{name}")
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    return RemoteFile(repository, name, size_bytes, sha256=sha256, revision=commit)


def find_remote_file(repository: str, name: str) -> RemoteFile:
    """What the Hub knows of one file of a repository's `main`; raises DownloadError."""
    _, found = until_done(lambda: _ask(repository, name, "main"))
    return found


def locate(file: RemoteFile) -> Address:
    """Where the file's bytes are now; raises Interrupted, and DownloadError for another file by this name."""
    if file.size_bytes > LARGEST_BYTES:
        raise DownloadError(
            f"{file} has {file.size_bytes / 1e9:.0f} GB in one piece, which the Hub sends to its own client"
            f" only; run: hf download {file.repository} {file.name}, and it is found in that cache"
        )
    address, found = _ask(file.repository, file.name, file.revision)
    has_other_hash = None not in (file.sha256, found.sha256) and found.sha256 != file.sha256
    differs = has_other_hash or found.size_bytes != file.size_bytes
    if differs:
        raise DownloadError(
            f"{file}: the repository has another file by this name ({found.size_bytes} bytes, not"
            f" {file.size_bytes}, or another hash); fetch it as hf:{file.repository}:{file.name}"
        )
    return address


def _ask(repository: str, name: str, revision: str) -> tuple[Address, RemoteFile]:
    from huggingface_hub import hf_hub_url  # noqa: PLC0415 - heavy, and needed for downloads only

    api = _api()
    what = f"hf:{repository}:{name}"
    url = hf_hub_url(repository, name, revision=revision, endpoint=api.endpoint)
    try:
        found = api.get_hf_file_metadata(url=url, timeout=30)
    except Exception as error:  # its HTTP client, and so its errors, differ between versions
        raise _translated(error, what) from error
    sha256 = found.etag if found.etag and _SHA256.fullmatch(found.etag) else None
    commit = found.commit_hash or revision
    file = RemoteFile(repository, name, _known_size(found.size, what), sha256=sha256, revision=commit)
    return Address(found.location, _authorization(api, url, found.location)), file


def _authorization(api: "HfApi", url: str, location: str) -> dict[str, str]:
    """The token, for the Hub itself; who stores its files for it is not told."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415 - documented, not in `__all__`; as above

    asked, target = urlsplit(url), urlsplit(location)
    is_hub = target.scheme == "https" and target.hostname in _HUB_HOSTS
    if not is_hub and (target.scheme, target.netloc) != (asked.scheme, asked.netloc):
        return {}
    headers = build_hf_headers(token=api.token)
    return {name: value for name, value in headers.items() if name.lower() == "authorization"}


def _known_size(size: int | None, what: str) -> int:
    if not size:
        raise DownloadError(f"{what}: the Hub does not say how large it is, so it cannot be checked")
    return size


def _model_info(reference: HuggingFaceReference) -> "ModelInfo":
    try:
        return _api().model_info(reference.repository, files_metadata=True)
    except Exception as error:  # as above
        raise _translated(error, str(reference)) from error


def _api() -> "HfApi":
    # The client reads this when it is first imported; nobody is told what is fetched.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi  # noqa: PLC0415 - as above

    return HfApi(library_name="gpt4all-adapters")


def _translated(error: Exception, what: str) -> Exception:
    from huggingface_hub import errors  # noqa: PLC0415 - as above

    response = getattr(error, "response", None)
    if isinstance(error, errors.GatedRepoError):
        advice = "its licence must be accepted on its page first; then run: hf auth login"
    elif isinstance(error, errors.RepositoryNotFoundError):
        advice = "there is no such repository, or it is private: check the name, or set HF_TOKEN"
    elif isinstance(error, errors.EntryNotFoundError):
        advice = "the repository has no such file; check the name"
    elif isinstance(error, errors.OfflineModeIsEnabled):
        advice = "HF_HUB_OFFLINE forbids to fetch it; unset that, or copy the file into the models' folder"
    elif isinstance(error, errors.HfHubHTTPError):
        if response is not None and is_busy(response.status_code):
            pause_s = pause_asked_for(response.headers.get("Retry-After"))
            return Interrupted(f"{what}: the Hub answered {response.status_code}", pause_s=pause_s)
        advice = f"the Hub answered: {error}"
    elif isinstance(error, errors.FileMetadataError):
        advice = f"what answered is no Hub ({error}); check HF_ENDPOINT, proxies and logins in between"
    else:
        return Unreachable(f"{what}: no connection to the Hub ({error}); check the network")
    return DownloadError(f"{what}: {advice}")
