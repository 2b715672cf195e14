"""A pytest plugin for google-genai's own tests: makes the files and caches that their authors' account has.

Files are named in the tests, and a client may choose a file's name. The names of caches are the server's: new ones
are made and told to ``tests/caches/constants.py``, as the authors do by hand. Since tests delete them, this is
done for each file of tests, and again for each test.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import google.genai
import pytest
from google.genai.tests.caches import constants

_FILES: Final = {
    "0o9iyit198g1": ("pixel.m4a", "audio/mp4"),
    "1g583ke2xdsn": ("google.png", "image/png"),
    "22xab9a8jp0v": ("google.jpg", "image/jpeg"),
    "864z7ft4m14h": ("google.png", "image/png"),
    "8q6j6weg80ey": ("story.txt", "text/plain"),
    "9tnpjy0re13a": ("story.pdf", "application/pdf"),
    "az606f58k7zj": ("google.png", "image/png"),
    "fq9r5ftyqrho": ("animal.mp4", "video/mp4"),
    "i2ojhd8z99uk": ("animal.mp4", "video/mp4"),
    "n1gls7dyh90q": ("google.png", "image/png"),
    "v200dhvn15h7": ("story.pdf", "application/pdf"),
    "vjvu9fwk2qj8": ("google.png", "image/png"),
}

_MODEL: Final = "gemini-2.5-flash"
_TEXT: Final = "Once upon a time there was a fox. " * 300
_CACHES: Final = Path(constants.__file__).parent


def pytest_configure() -> None:
    samples = Path(os.environ["SUITE_SAMPLES"])
    client = google.genai.Client(vertexai=False)
    for name, (sample, mime_type) in _FILES.items():
        client.files.upload(file=samples / sample, config={"name": name, "mime_type": mime_type})


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Before a file is imported, since its tables read the names then."""
    if isinstance(collector, pytest.Module) and collector.path.parent == _CACHES:
        _renew()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.parent == _CACHES:
        _renew()


def _renew() -> None:
    constants.CACHED_CONTENT_NAME_VERTEX = _cache(vertexai=True)
    constants.CACHED_CONTENT_NAME_MLDEV = _cache(vertexai=False)


def _cache(*, vertexai: bool) -> str:
    client = google.genai.Client(vertexai=vertexai)
    made = client.caches.create(model=_MODEL, config={"contents": _TEXT})
    return f"cachedContents/{(made.name or '').rpartition('/')[2]}"
