"""A pytest plugin for google-genai's own tests: makes the sample files that its wheel does not carry.

Tests open some of them when they are imported. Pictures and texts are real; sounds and films are a few bytes that
only their names make such.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import google.genai
import PIL.Image

_PICTURES: Final = (
    "bridge1.png", "checkerboard.png", "dog.jpg", "google.jpg", "google.png", "google_homepage.png", "man.jpg",
    "segmentation_scribble.jpg", "skateboard_stop_sign.jpg",
)  # fmt: skip
_OTHERS: Final = {
    "story.txt": b"Once upon a time there was a fox.\n",
    "story.pdf": b"%PDF-1.4\n%%EOF\n",
    "voice_sample.wav": b"RIFF\x24\x00\x00\x00WAVE",
    "pixel.m4a": b"\x00\x00\x00\x18ftypM4A ",
    "animal.mp4": b"\x00\x00\x00\x18ftypmp42",
}


def pytest_configure() -> None:
    for folder in (Path(google.genai.__path__[0]) / "tests" / "data", Path("tests", "data")):
        folder.mkdir(parents=True, exist_ok=True)
        for name in _PICTURES:
            PIL.Image.new("RGB", (32, 32), "navy").save(folder / name)
        for name, content in _OTHERS.items():
            (folder / name).write_bytes(content)
