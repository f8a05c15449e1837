import io
import random
import sys

import numpy as np
import pytest
import soundfile

from gpt4all_core import read_audio as module
from gpt4all_core.errors import ConfigError, MissingDependency
from gpt4all_core.read_audio import MOST_BYTES, SHORTEST_S, read_audio, resample

RATE = 16000


def tone(frequency, *, rate=RATE, seconds=1.0):
    return np.sin(2 * np.pi * frequency * np.arange(round(rate * seconds)) / rate).astype(np.float32)


def written(samples, *, rate=RATE, kind="WAV", subtype=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "within"),
    [
        ("WAV", "PCM_U8", 1e-2),
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 1e-6),
        ("WAV", "ULAW", 3e-2),
        ("WAVEX", "PCM_16", 1e-4),
        ("FLAC", "PCM_16", 1e-4),
        ("MP3", None, 5e-2),
        ("OGG", "VORBIS", 5e-2),
        ("OGG", "OPUS", 1e-1),
    ],
)
def test_sounds_of_all_kinds_become_samples(kind, subtype, within):
    sound = tone(440) / 2
    samples = read_audio(written(sound, kind=kind, subtype=subtype), rate=RATE)
    assert samples.dtype == np.float32
    assert len(samples) == len(sound)
    assert np.abs(samples - sound)[1000:-1000].max() < within


def test_all_channels_become_one():
    stereo = np.stack([tone(300), tone(700)], axis=1) / 2
    samples = read_audio(written(stereo), rate=RATE)
    assert np.allclose(samples, stereo.mean(axis=1), atol=1e-4)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 22255, 24000, 44100, 48000, 96000])
def test_another_rate_keeps_what_can_be_heard(rate):
    """Measured: errors are 95 dB below the tone."""
    for frequency in (50, 1000, 3000):
        made = resample(tone(frequency, rate=rate), rate=rate, target=RATE)
        assert len(made) == RATE
        assert np.abs(made - tone(frequency))[500:-500].max() < 3e-5


@pytest.mark.parametrize("frequency", [8200, 9000, 12000, 15000, 20000])
def test_what_the_lower_rate_has_no_place_for_is_left_out(frequency):
    made = resample(tone(frequency, rate=44100), rate=44100, target=RATE)
    assert np.abs(made)[500:-500].max() < 3e-5


def test_a_constant_stays_one_at_every_rate():
    made = resample(np.full(4410, 0.5, dtype=np.float32), rate=44100, target=RATE)
    assert np.allclose(made[100:-100], 0.5, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_shortest_sounds_get_silence_behind_them(count):
    samples = read_audio(written(tone(440)[:count], rate=48000), rate=RATE)
    assert len(samples) == SHORTEST_S * RATE
    assert not samples[10 * count :].any()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes are no sound of the kind WAV, MP3, FLAC, Ogg"),
        (b"hello, this is a text", "are no sound"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "are no sound"),
        (b"RIFF\0\0\0\0WAVE", "cannot be read"),
        (b"fLaC" + bytes(100), "cannot be read"),
        (b"OggS" + bytes(100), "cannot be read"),
        (b"ID3" + bytes(100), "cannot be read"),
        (written(tone(440)[:0]), "has no samples"),
        (written(np.full(100, np.nan), subtype="FLOAT"), "some that are no numbers"),
        (written(tone(440), kind="AIFF"), "are no sound"),
        (written(tone(440), rate=384000), "384000 samples a second cannot be read"),
    ],
)
def test_what_is_no_whole_sound_is_refused(data, message):
    with pytest.raises(ConfigError, match=message):
        read_audio(data, rate=RATE)


def test_too_long_and_too_large_ones_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="is too large"):
        read_audio(bytes(MOST_BYTES + 1), rate=RATE)
    monkeypatch.setattr(module, "MOST_SECONDS", 0.5)
    monkeypatch.setattr(module, "_BLOCK", 1000)
    with pytest.raises(ConfigError, match="more than 0 s cannot be read; cut it"):
        read_audio(written(tone(440)), rate=RATE)


def test_a_header_that_promises_too_much_takes_no_memory():
    """36 bits count the samples of a FLAC file: memory for all of them would end the process."""
    data = bytearray(written(tone(440), kind="FLAC"))
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    with pytest.raises(ConfigError, match="cannot be read"):
        read_audio(bytes(data), rate=RATE)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG"])
def test_damaged_files_are_read_or_refused(kind):
    sound = written(np.random.default_rng(0).standard_normal((2000, 2)) / 5, rate=22050, kind=kind)
    choose = random.Random(kind)
    outcomes = []
    for _ in range(100):
        data = bytearray(sound)
        for _ in range(choose.choice((1, 2, 20))):
            data[choose.randrange(12, choose.choice((60, len(data))))] = choose.randrange(256)
        if choose.random() < 0.3:
            del data[choose.randrange(12, len(data)) :]
        try:
            outcomes.append(len(read_audio(bytes(data), rate=RATE)) > 0)
        except ConfigError:
            outcomes.append(False)
    assert sum(outcomes) < 100
    assert any(outcomes) == (kind != "OGG")  # whose pages have checksums


def test_without_soundfile_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependency, match=r"gpt4all-adapters\[audio\]"):
        read_audio(written(tone(440)), rate=RATE)
