"""The pixels of a picture's file.

Pillow reads it (the extra `images`). libmtmd could as well, by stb_image; but that turns no photograph
upright, and what it cannot read libmtmd hands to an `ffprobe` or `ffmpeg` of the search path
(`mtmd_helper_bitmap_init_from_buf` of llama-cpp-python 0.3.36), which a damaged file must not start.
"""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gpt4all_core.errors import ConfigError, MissingDependency

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")

MOST_BYTES = 1 << 26
MOST_PIXELS = 1 << 26
"""Cameras make up to 50 million; they are counted before memory is taken for them, three bytes each."""

LARGEST_SIDE = 4096
"""Pixels that are kept of a side: encoders look at a third of a million to four million in all."""


def read_image(data: bytes) -> NDArray[np.uint8]:
    """Red, green and blue of the first frame, shape (height, width, 3), upright, on white where it is clear.

    Larger pictures are made smaller, to LARGEST_SIDE. Takes time and memory in proportion to the
    pixels: 0.2 s for ten million. Thread-safe. Raises ConfigError for what is no whole picture in one of
    the FORMATS, or too large a one; MissingDependency without Pillow.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingDependency("Pillow, which reads pictures,", extra="images") from error
    if len(data) > MOST_BYTES:
        raise ConfigError(f"a picture of {len(data)} bytes is too large; {MOST_BYTES} are allowed")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image)
            image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # JPEGs are decoded no larger than needed
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
            return np.asarray(_on_white(upright))
    except ConfigError:
        raise
    except UnidentifiedImageError as error:
        raise ConfigError(f"{len(data)} bytes are no picture of the kind {', '.join(FORMATS)}") from error
    except Exception as error:  # whatever a damaged file makes of a decoder, it is the file's fault
        raise ConfigError(
            f"a picture of {len(data)} bytes cannot be read ({error or type(error).__name__});"
            " give a whole and sound file, or a smaller one"
        ) from error


def _check_size(image: "Image.Image") -> None:
    if image.width * image.height > MOST_PIXELS:
        raise ConfigError(
            f"a picture of {image.width} x {image.height} pixels is too large; {MOST_PIXELS} are allowed,"
            " so make it smaller"
        )


def _on_white(image: "Image.Image") -> "Image.Image":
    """In RGB; what shows through becomes white, as a page is."""
    if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would cut off at 255
        image = image.point(lambda grey: grey / 256).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    from PIL import Image  # noqa: PLC0415 - an extra

    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image.convert("RGBA"))
    return page.convert("RGB")
