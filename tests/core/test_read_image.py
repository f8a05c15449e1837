import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from gpt4all_core.errors import ConfigError, MissingDependency
from gpt4all_core.read_image import FORMATS, LARGEST_SIDE, read_image

RED, GREEN = (255, 0, 0), (0, 255, 0)


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def two_colours(mode="RGB"):
    """Red on the left, green on the right."""
    image = Image.new("RGB", (64, 48), RED)
    image.paste(GREEN, (32, 0, 64, 48))
    return image.convert(mode)


def hollow_png(width, height):
    """A PNG that says it is so large, and holds a kilobyte."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_pixels(kind):
    pixels = read_image(saved(two_colours(), kind))
    assert (pixels.shape, pixels.dtype) == ((48, 64, 3), np.uint8)
    assert np.abs(pixels[20, 10].astype(int) - RED).max() < 8
    assert np.abs(pixels[20, 50].astype(int) - GREEN).max() < 8


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1"])
def test_every_mode_becomes_red_green_and_blue(mode):
    assert read_image(saved(two_colours(mode))).shape == (48, 64, 3)


def test_what_shows_through_is_white():
    image = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert (read_image(saved(image)) == 255).all()


def test_grey_of_16_bits_keeps_its_shades():
    grey = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    assert (read_image(saved(Image.fromarray(grey)))[:, :, 1] == grey >> 8).all()


def test_a_photograph_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the right side is up
    pixels = read_image(saved(two_colours(), "JPEG", exif=exif))
    assert pixels.shape == (64, 48, 3)
    assert pixels[5, 20, 0] > 200 > pixels[60, 20, 0]


def test_large_pictures_are_made_smaller_in_their_proportions():
    pixels = read_image(saved(Image.new("RGB", (2 * LARGEST_SIDE, LARGEST_SIDE)), "JPEG"))
    assert pixels.shape == (LARGEST_SIDE // 2, LARGEST_SIDE, 3)


@pytest.mark.parametrize("size", [(9000, 9000), (10000, 9500), (60000, 60000), (2**31 - 1, 1)])
def test_a_picture_that_would_take_gigabytes_is_refused_unread(size):
    with pytest.raises(ConfigError, match=r"too large|decompression bomb|limit of"):
        read_image(hollow_png(*size))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"<svg/>", b"%PDF-1.7", bytes(100)])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(ConfigError, match="are no picture of the kind PNG"):
        read_image(data)


def test_a_file_that_is_too_long_is_refused():
    with pytest.raises(ConfigError, match="too large"):
        read_image(bytes((1 << 26) + 1))


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_refused_or_read_never_anything_else(kind):
    random = np.random.default_rng(0)
    whole = np.frombuffer(saved(two_colours(), kind), dtype=np.uint8)
    for _ in range(200):
        damaged = whole[: random.integers(1, len(whole) + 1)].copy()
        damaged[random.integers(0, len(damaged), 3)] = random.integers(0, 256, 3)
        try:
            assert read_image(damaged.tobytes()).shape[2] == 3
        except ConfigError:
            continue


def test_without_pillow_the_extra_is_named(monkeypatch):
    data = saved(two_colours())
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependency, match=r"gpt4all-adapters\[images\]"):
        read_image(data)
