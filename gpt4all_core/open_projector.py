"""Pictures and sounds for a model: its projector, opened when the first one comes, and the last ones read."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gpt4all_core.catalog.fingerprint import fingerprint
from gpt4all_core.catalog.gguf_header import GGUFHeader
from gpt4all_core.catalog.gguf_projector_check import Modality, check_projector, modalities, most_rows
from gpt4all_core.catalog.projector_files import find_projector
from gpt4all_core.catalog.store import copies_folder
from gpt4all_core.engine.image_rows import ImageParts, PromptImage
from gpt4all_core.errors import ConfigError, EngineClosed, ModelLoadError, UnsupportedParameter
from gpt4all_core.read_audio import read_audio
from gpt4all_core.read_image import read_image
from gpt4all_core.trial import trials

if TYPE_CHECKING:
    from gpt4all_core.engine.llama.projector import LlamaProjector
    from gpt4all_core.engine.llama.weights import LlamaWeights

KEPT_BYTES = 64 << 20
"""Of rows of what was read before: every turn of a conversation sends all its pictures and sounds again.
A picture of 256 rows takes 2.6 MB for a model of 4B, and seconds to read once more."""


IMAGES_IN_CONTEXT = 4
"""Pictures of any size that a context has room for, with little text: models whose rows depend on the size
have up to 4,096 for a photograph by default, which is all of a usual context."""

_NOUNS: dict[Modality, str] = {"vision": "pictures", "audio": "sounds"}


class MediaReader:
    """Turns the files of pictures and sounds into what a model reads in their place. All methods thread-safe.

    path: of the projector, see `open_media`; reads: what it has encoders of. most_rows: of a picture, see
    `LlamaProjector`. context_size: most rows of a sound. Close it before the weights.
    """

    def __init__(
        self,
        weights: "LlamaWeights",
        path: Path,
        *,
        reads: tuple[Modality, ...],
        threads: int,
        context_size: int,
        most_rows: int | None = None,
    ) -> None:
        self.path = path
        self.can_see = "vision" in reads
        self.can_hear = "audio" in reads
        self._weights = weights
        self._threads = threads
        self._context_size = context_size
        self._most_rows = most_rows
        self._lock = threading.Lock()  # one at a time: a projector computes with all its threads
        self._is_closed = False
        self._projector: LlamaProjector | None = None
        self._source = b""
        self._kept: OrderedDict[bytes, PromptImage] = OrderedDict()
        self._kept_lock = threading.Lock()  # of its own: what is kept waits for nobody's new picture

    def read_image(self, data: bytes) -> PromptImage:
        """A picture as tokens and rows. Takes seconds, but for one that was read before.

        Raises ConfigError for what is no whole picture, MissingDependency without Pillow,
        UnsupportedParameter for a projector that only hears, ModelLoadError for one that cannot be used,
        EngineClosed after `close`.
        """
        self._require("vision", can_read=self.can_see)

        def encode() -> ImageParts:
            pixels = read_image(data)
            return self._opened().encode_image(pixels)

        return self._read(data, encode)

    def read_audio(self, data: bytes) -> PromptImage:
        """The same for a sound, in seconds for every half minute.

        Raises ContextOverflow for one that takes more rows than the context has, and what `read_image` does,
        with MissingDependency for soundfile.
        """
        self._require("audio", can_read=self.can_hear)

        def encode() -> ImageParts:
            projector = self._opened()
            samples = read_audio(data, rate=projector.sample_rate)
            return projector.encode_audio(samples, most_rows=self._context_size)

        return self._read(data, encode)

    def close(self) -> None:
        """Free the memory, after what is being read. Idempotent."""
        with self._lock:
            self._is_closed = True
            projector, self._projector = self._projector, None
        with self._kept_lock:
            self._kept.clear()
        if projector is not None:
            projector.close()

    def _read(self, data: bytes, encode: Callable[[], ImageParts]) -> PromptImage:
        digest = hashlib.sha256(data).digest()
        kept = self._kept_image(digest)
        if kept is not None:
            return kept
        with self._lock:
            kept = self._kept_image(digest)  # somebody else may have read it meanwhile
            if kept is not None:
                return kept
            image = PromptImage.of(encode(), identity=self._source + digest)
            self._keep(digest, image)
            return image

    def _opened(self) -> "LlamaProjector":
        from gpt4all_core.engine.llama.projector import LlamaProjector  # noqa: PLC0415 - heavy

        if self._is_closed:
            raise EngineClosed(f"the projector {self.path.name} was closed; open the model again")
        if self._projector is None:
            trials.require(self._weights.path, self.path)
            self._projector = LlamaProjector(
                self._weights, self.path, threads=self._threads, most_rows=self._most_rows
            )
            self._source = f"{fingerprint(self.path)} {self._most_rows} ".encode()
        return self._projector

    def _require(self, modality: Modality, *, can_read: bool) -> None:
        if not can_read:
            raise UnsupportedParameter(
                f"{self._weights.path.name} cannot be sent {_NOUNS[modality]}: its projector {self.path.name}"
                " has no encoder of them; ask without, or use another model"
            )

    def _kept_image(self, digest: bytes) -> PromptImage | None:
        with self._kept_lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def _keep(self, digest: bytes, image: PromptImage) -> None:
        with self._kept_lock:
            self._kept[digest] = image
            while len(self._kept) > 1 and sum(map(_byte_count, self._kept.values())) > KEPT_BYTES:
                self._kept.popitem(last=False)


class NoMedia:
    """Stands for the reader of a model that can be sent neither; `reason` says why, and what to do.

    reason: with a place for what cannot be sent, `{noun}`.
    """

    can_see = can_hear = False

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def read_image(self, data: bytes) -> PromptImage:  # noqa: ARG002 - as a reader has it
        """Raises UnsupportedParameter."""
        raise UnsupportedParameter(self.reason.replace("{noun}", _NOUNS["vision"]))

    def read_audio(self, data: bytes) -> PromptImage:  # noqa: ARG002 - as a reader has it
        """Raises UnsupportedParameter."""
        raise UnsupportedParameter(self.reason.replace("{noun}", _NOUNS["audio"]))

    def close(self) -> None:
        """Nothing is held."""


def open_media(
    weights: "LlamaWeights",
    header: GGUFHeader,
    *,
    projector: Path | None,
    threads: int,
    context_size: int,
    batch_rows: int,
) -> MediaReader | NoMedia:
    """What reads pictures and sounds for these weights, pictures as a quarter of `context_size` if it can.

    projector: None takes the one beside the model's file, if one fits; should that be damaged, the model
    is as good as any without one. batch_rows: most rows of a picture that have to see each other.

    Raises for a projector that was asked for: ModelLoadError where it does not fit to the model,
    UnsupportedParameter where it is of a kind that cannot be used, ConfigError where there is no such
    file.
    """
    path = projector_file(weights.path, header, projector)
    if path is None:
        return NoMedia(_nothing_reads(weights.path, header))
    try:
        found = check_projector(path, model_width=header.embedding_length or 0, model_name=weights.path.name)
    except (ModelLoadError, UnsupportedParameter) as error:
        if projector is not None:
            raise
        return NoMedia(f"{weights.path.name} cannot be sent {{noun}}: {error}")
    rows = most_rows(found, room=context_size // IMAGES_IN_CONTEXT, batch_rows=batch_rows)
    return MediaReader(
        weights,
        path,
        reads=modalities(found),
        threads=threads,
        context_size=context_size,
        most_rows=rows,
    )


def projector_file(model: Path, header: GGUFHeader, projector: Path | None) -> Path | None:
    """The one that was asked for, else the one beside the model, if there is any. Raises ConfigError."""
    if projector is None:
        return find_projector(model, header)
    if not projector.is_file():
        raise ConfigError(f"projector={str(projector)!r}: there is no such file; give the path of an mmproj")
    return projector


def _nothing_reads(model: Path, header: GGUFHeader) -> str:
    if model.parent == copies_folder():  # the copy that stands for the starter is no file anybody asked for
        return (
            "the starter model reads text alone and cannot be sent {noun}; open a model that sees or hears,"
            " with the mmproj-….gguf that was published with it beside it"
        )
    return (
        f"{model.name} cannot be sent {{noun}}: there is no projector for it beside {model}. If it is a"
        f" model that sees or hears (this one's architecture is {header.architecture!r}), get the"
        " mmproj-….gguf that was published with it and put it into the same folder, or give its path as"
        " projector=…"
    )


def _byte_count(image: PromptImage) -> int:
    return sum(rows.embeddings.nbytes for _, rows in image.rows)
