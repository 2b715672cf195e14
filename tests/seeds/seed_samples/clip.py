"""A short film of animals, each with its name below it, and a chord for its sound. Called by ``buckets.py``."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from seed_samples.pictures import scene

SCENES = ("TIGER", "ELEPHANT", "PANDA", "TIGER")
SCENE_SECONDS = 3
SIZE = (480, 270)
RATE = 10
"""Frames a second."""

_SAMPLE_RATE = 22_050
_CHORD = (220.0, 277.18, 329.63)
_LOUDNESS = 0.05


def write(path: Path) -> None:
    """An MP4 file: H.264, AAC."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
        pictures = film.add_stream("libx264", rate=RATE, options={"crf": "28", "preset": "fast"})
        pictures.width, pictures.height = SIZE
        pictures.pix_fmt = "yuv420p"
        sound = film.add_stream("aac", rate=_SAMPLE_RATE, layout="mono")
        sound.bit_rate = 48_000
        for number, picture in enumerate(_pictures()):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture))
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode(None))
        film.mux(sound.encode(_chord()))
        film.mux(sound.encode(None))


def _pictures() -> Iterator[Image.Image]:
    frames = SCENE_SECONDS * RATE
    return (scene(animal, number / frames, SIZE) for animal in SCENES for number in range(frames))


def _chord() -> av.AudioFrame:
    """It swells and fades with each scene."""
    time = np.arange(len(SCENES) * SCENE_SECONDS * _SAMPLE_RATE) / _SAMPLE_RATE
    swell = np.sin(np.pi * (time % SCENE_SECONDS) / SCENE_SECONDS) ** 2
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in _CHORD)
    samples = (_LOUDNESS * swell * tones).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, 0, Fraction(1, _SAMPLE_RATE)
    return frame
