"""The files that the tests send, made here: the packages do not carry them, and the buckets of others are far.

Folders stand for those buckets. The makers are those of geminid's own tests of media. Called by ``play.py``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from made_media import documents, pictures, recordings
from PIL import Image

_PAGES: Final = 12
"""So many are more than the least that a cache takes."""

_STORY: Final = "Once upon a time there was a fox."


def _picture(mime_type: str, words: str) -> bytes:
    return pictures.saved(pictures.drawn({(60, 220): words}, size=64, canvas=(640, 480)), mime_type)


def _mask() -> bytes:
    return pictures.saved(Image.new("RGB", (32, 32), "white"), "image/jpeg")


_FILES: Final[Mapping[str, Callable[[], bytes]]] = {
    **dict.fromkeys(
        ("a-man-and-a-dog.png", "bridge1.png", "checkerboard.png", "google.png", "google_homepage.png"),
        functools.partial(_picture, "image/png", "GOOGLE"),
    ),
    **dict.fromkeys(
        ("cat.jpg", "dog.jpg", "google.jpg", "man.jpg", "scones.jpg", "skateboard_stop_sign.jpg"),
        functools.partial(_picture, "image/jpeg", "A CAT IN SNOW"),
    ),
    "segmentation_scribble.jpg": _mask,
    "story.txt": lambda: _STORY.encode(),
    "story.pdf": lambda: documents.typed([f"{_STORY}\nPage {number + 1}" for number in range(_PAGES)]),
    "animal.mp4": lambda: recordings.captioned({0: "A FOX", 6: "A DOG"}, seconds=12),
    "pixel.m4a": lambda: recordings.sound("ipod", "aac"),
    "pixel.mp3": lambda: recordings.sound("mp3", "mp3"),
    "voice_sample.wav": lambda: recordings.sound("wav", "pcm_s16le"),
}

_OBJECTS: Final = {
    "cloud-samples-data/generative-ai/audio/pixel.mp3": "pixel.mp3",
    "cloud-samples-data/generative-ai/image/a-man-and-a-dog.png": "a-man-and-a-dog.png",
    "cloud-samples-data/generative-ai/image/scones.jpg": "scones.jpg",
    "cloud-samples-data/generative-ai/pdf/2312.11805v3.pdf": "story.pdf",
    "cloud-samples-data/generative-ai/pdf/2403.05530.pdf": "story.pdf",
    "cloud-samples-data/generative-ai/video/pixel8.mp4": "animal.mp4",
    "cloud-samples-data/video/animals.mp4": "animal.mp4",
    "download.tensorflow.org/example_images/320px-Felis_catus-cat_on_snow.jpg": "cat.jpg",
    "generativeai-downloads/images/scones.jpg": "scones.jpg",
    "generativeai-downloads/videos/Big_Buck_Bunny.mp4": "animal.mp4",
    "ucaip-samples-us-central1/sdk_system_test_resources/megatro-llm.pdf": "story.pdf",
    "unified-genai-dev/imagen-inputs/google_small.png": "google.png",
}
"""What follows ``gs://``, and the file that lies there."""


def files(folder: Path) -> Path:
    """Where below ``folder`` the files are, by their names."""
    return folder / "tests" / "data"


def make(folder: Path) -> None:
    """Writes the files and the buckets below ``folder``."""
    for name in _FILES:
        _write(files(folder) / name, _content(name))
    for stored, name in _OBJECTS.items():
        _write(folder / "buckets" / stored, _content(name))


def settings(folder: Path) -> str:
    """The part of a geminid.toml that lets the folders stand for the buckets."""
    buckets = sorted({stored.partition("/")[0] for stored in _OBJECTS})
    lines = (f"{json.dumps(bucket)} = {json.dumps(str(folder / 'buckets' / bucket))}" for bucket in buckets)
    return "\n".join(["[media.buckets]", *lines, ""])


@functools.cache
def _content(name: str) -> bytes:
    return _FILES[name]()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
