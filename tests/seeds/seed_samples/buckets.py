"""Folders that stand for the public buckets that samples read from, with pictures and a film of our own.

Nothing is downloaded: ``pictures.py`` and ``clip.py`` draw what the names of the objects promise.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from seed_samples import clip, pictures

_QUALITY = 90


def _saved(draw: Callable[[], Image.Image]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        draw().save(path, "JPEG", quality=_QUALITY)

    return write


OBJECTS: Mapping[Callable[[Path], None], tuple[str, ...]] = {
    _saved(pictures.scones): (
        "cloud-samples-data/generative-ai/image/scones.jpg",
        "generativeai-downloads/images/scones.jpg",
    ),
    _saved(pictures.character): (
        "cloud-samples-data/generative-ai/image/character.jpg",
        "generativeai-downloads/images/character.jpg",
    ),
    clip.write: (
        "cloud-samples-data/video/animals.mp4",
        "cloud-samples-data/generative-ai/video/animals.mp4",
    ),
}
"""What writes a file, and the names that it has, its bucket's first: what follows ``gs://``."""

NAMES = tuple(name for names in OBJECTS.values() for name in names)


def make(folder: Path) -> None:
    """Writes all objects below ``folder``, which has a folder for each bucket then."""
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for write, (first, *others) in OBJECTS.items():
        write(folder / first)
        for name in others:
            shutil.copyfile(folder / first, folder / name)


def settings(folder: Path) -> str:
    """The part of a geminid.toml that lets the folders stand for the buckets."""
    buckets = sorted({name.partition("/")[0] for name in NAMES})
    lines = [f"{json.dumps(bucket)} = {json.dumps(str(folder.absolute() / bucket))}" for bucket in buckets]
    return "\n".join(["[media.buckets]", *lines, ""])
