"""The samples of a sound's file.

libsndfile reads it, by the package soundfile (the extra `audio`). libmtmd could as well, by miniaudio; but
that takes all the memory that a damaged FLAC header promises to need, and ends the process when it gets
none (`decode_audio_from_buf` of llama-cpp-python 0.3.36), and it resamples by straight lines. The `wave` of
the standard library knows no floats, and before Python 3.12 not the header that 24 bits are written with.
"""

import io
import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gpt4all_core.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    import soundfile

Samples = NDArray[np.float32]
"""One channel, shape (samples,), from -1 to 1."""

FORMATS = ("WAV", "MP3", "FLAC", "Ogg")

MOST_BYTES = 1 << 28
MOST_SECONDS = 1800.0
"""Half an hour takes 11,000 to 45,000 rows of a context, by the model. It is counted while it is read, since
what headers say is not to be trusted."""

SHORTEST_S = 0.1
"""What is shorter gets silence behind it: encoders that compare frames assert that there are some."""

_LARGEST_RATE = 192_000
_BLOCK = 1 << 20  # numbers that are read at once
_CROSSINGS = 64  # zeros of the filter to each side: 90 dB between what is kept and what is not
_KAISER = 9.0
_PLACES = 8193
_KEPT = 0.95  # of the lower rate's half: the filter's slope ends where frequencies would fold back


def read_audio(data: bytes, *, rate: int) -> Samples:
    """The samples at `rate` (Hz), all channels in one, SHORTEST_S at least.

    Takes time and memory in proportion to the length: 0.1 s for a minute. Thread-safe. Raises ConfigError
    for what is no whole sound in one of the FORMATS, or too long a one; MissingDependency without soundfile.
    """
    try:
        import soundfile  # noqa: PLC0415 - an extra
    except (ImportError, OSError) as error:  # OSError: a package without the library itself
        raise MissingDependency("soundfile, which reads sounds,", extra="audio") from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"a sound of {len(data)} bytes is too large; {MOST_BYTES} are allowed")
    if not _is_audio(data):  # libsndfile would try two dozen other formats
        raise ConfigError(f"{len(data)} bytes are no sound of the kind {', '.join(FORMATS)}")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            found = file.samplerate
            samples = np.concatenate([np.empty(0, np.float32), *_mono_blocks(file)])
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise ConfigError(
            f"a sound of {len(data)} bytes cannot be read ({error}); give a whole file"
        ) from error
    if not len(samples) or not np.isfinite(samples).all():
        raise ConfigError(f"a sound of {len(data)} bytes has no samples, or some that are no numbers")
    resampled = resample(samples, rate=found, target=rate)
    return np.pad(resampled, (0, max(0, math.ceil(SHORTEST_S * rate) - len(resampled))))


def resample(samples: Samples, *, rate: int, target: int) -> Samples:
    """The same sound with `target` samples a second.

    Each is the sum of those around its place, weighted by a sinc under a Kaiser window (J. O. Smith, Digital
    Audio Resampling, https://ccrma.stanford.edu/~jos/resample/).
    """
    divisor = math.gcd(rate, target)
    up, down = target // divisor, rate // divisor
    if up == down:
        return samples
    cut = _KEPT * min(1.0, up / down)
    reach = math.ceil(_CROSSINGS / cut)
    made = np.empty(-(-len(samples) * up // down), np.float32)
    windows = sliding_window_view(np.pad(samples, reach), 2 * reach + 1)
    for phase in range(min(up, len(made))):
        first, fraction = divmod(phase * down, up)
        weights = _weights(np.arange(-reach, reach + 1) - fraction / up, cut, reach)
        outputs = made[phase::up]
        # Not by BLAS, whose threads wait for each other where models compute: a hundred times as long.
        np.einsum("ij,j->i", windows[first::down][: len(outputs)], weights, out=outputs)
    return made


def _weights(distances: NDArray[np.floating], cut: float, reach: int) -> Samples:
    places, window = _window()
    weights = np.sinc(cut * distances) * np.interp(distances / reach, places, window)
    normalised: Samples = (weights / weights.sum()).astype(np.float32)
    return normalised


@cache
def _window() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The window from -1 to 1, so fine that what is between two places is on a line: to 3 in ten million."""
    return np.linspace(-1.0, 1.0, _PLACES), np.kaiser(_PLACES, _KAISER)


def _is_audio(data: bytes) -> bool:
    if data[:4] == b"RIFF":
        return data[8:12] == b"WAVE"
    is_mp3 = data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] >= 0xE0)
    return is_mp3 or data[:4] in (b"fLaC", b"OggS")


def _mono_blocks(file: "soundfile.SoundFile") -> Iterator[Samples]:
    if not 0 < file.samplerate <= _LARGEST_RATE:
        raise ConfigError(
            f"a sound of {file.samplerate} samples a second cannot be read; {_LARGEST_RATE} are allowed"
        )
    count = 0
    while len(block := file.read(max(1, _BLOCK // file.channels), dtype="float32", always_2d=True)):
        count += len(block)
        if count > MOST_SECONDS * file.samplerate:
            raise ConfigError(
                f"a sound of more than {MOST_SECONDS:.0f} s cannot be read; cut it into shorter ones"
            )
        yield block.mean(axis=1, dtype=np.float32)
