"""What is written is what Python's own reader of WAV files finds."""

from __future__ import annotations

import io
import wave

import pytest

from geminid.media.wav import wav


def read(content: bytes) -> tuple[int, int, int, bytes]:
    """Channels, bytes of a sample, samples a second, and all samples."""
    with wave.open(io.BytesIO(content)) as file:
        shape = file.getnchannels(), file.getsampwidth(), file.getframerate()
        return *shape, file.readframes(file.getnframes())


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
def test_samples_become_a_file(rate: int) -> None:
    samples = bytes(range(256)) * 10

    assert read(wav(samples, rate)) == (1, 2, rate, samples)


@pytest.mark.parametrize(("samples", "kept"), [(b"", b""), (b"a", b""), (b"abc", b"ab")])
def test_half_a_sample_is_left_out(samples: bytes, kept: bytes) -> None:
    content = wav(samples)

    assert read(content)[-1] == kept
    assert len(content) == 44 + len(kept)
