"""A pytest plugin for LangChain's tests: those that fetch a file from the web first get one of ours instead.

``SUITE_SAMPLES`` names the folder. What is fetched otherwise is fetched as it would be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import httpx

_SAMPLES: Final = {".png": "google.png", ".pdf": "story.pdf", ".wav": "voice_sample.wav"}


class WithSamples:
    """Stands in front of ``httpx.get``."""

    def __init__(self, get: Any) -> None:
        self._get = get

    def __call__(self, url: str, **options: Any) -> httpx.Response:
        sample = _SAMPLES.get(Path(url).suffix)
        if sample is None:
            return self._get(url, **options)
        content = (Path(os.environ["SUITE_SAMPLES"]) / sample).read_bytes()
        return httpx.Response(200, content=content, request=httpx.Request("GET", url))


def pytest_configure() -> None:
    httpx.get = WithSamples(httpx.get)
