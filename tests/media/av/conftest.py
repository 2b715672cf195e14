"""Makers of clips: sound that is a tone, and film on which each second is written."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeAlias

import psutil
import pytest
from made_media import recordings
from PIL import Image

Sound: TypeAlias = Callable[..., bytes]
Film: TypeAlias = Callable[..., bytes]
Written: TypeAlias = Callable[[str], Image.Image]
Decoding: TypeAlias = Callable[[], list[int]]


@pytest.fixture(scope="session")
def sound() -> Sound:
    return recordings.sound


@pytest.fixture(scope="session")
def written() -> Written:
    return recordings.written


@pytest.fixture(scope="session")
def film() -> Film:
    return recordings.film


@pytest.fixture(scope="session")
def read() -> Callable[[Any], int]:
    """Which second is written on the picture of a frame."""
    references = [recordings.clock(number).convert("L").resize(recordings.SIZE).tobytes() for number in range(60)]

    def read(pixels: Any) -> int:
        image = Image.open(io.BytesIO(pixels["data"])).convert("L").resize(recordings.SIZE)
        data = image.tobytes()
        return min(range(60), key=lambda n: sum(abs(a - b) for a, b in zip(data, references[n], strict=True)))

    return read


@pytest.fixture
def decoding() -> Decoding:
    """The memory of each worker there is, in bytes."""

    def decoding() -> list[int]:
        children = psutil.Process().children()
        return [child.memory_info().rss for child in children if "geminid.media.worker" in child.cmdline()]

    return decoding
