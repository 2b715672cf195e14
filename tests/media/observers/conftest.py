"""Where the models of the observers are. Nothing is fetched: tests that need one which is missing are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from geminid.engines import weights
from geminid.engines.weights import OBSERVERS, File
from geminid.media.observers.labels import EfficientNet
from geminid.media.observers.ocr import RapidOcr
from geminid.media.observers.speech import Whisper, packaged


@pytest.fixture(scope="session")
def photograph(here: Callable[[File], Path]) -> Path:
    """A cup of coffee seen from above: https://scikit-image.org/docs/stable/api/skimage.data.html"""
    source = "pypi:scikit-image==0.25.2/skimage/data/coffee.png"
    return here(File(source, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader() -> AsyncIterator[RapidOcr]:
    reader = RapidOcr()
    if command := reader.ready():
        pytest.skip(f"needs: {command}")
    yield reader
    await reader.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whisper() -> AsyncIterator[Whisper]:
    model = weights.cached(OBSERVERS["whisper-tiny-en"]) or packaged() or Path("nowhere")
    whisper = Whisper(model, title="Whisper tiny.en", pull="geminid models pull whisper-tiny-en")
    if lacking := whisper.ready():
        pytest.skip(f"needs: {lacking}")
    yield whisper
    await whisper.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def labeller(here: Callable[[File], Path]) -> AsyncIterator[EfficientNet]:
    checkpoint = OBSERVERS["efficientnet-lite0"].files[0]
    labeller = EfficientNet(here(checkpoint), pull="")
    if lacking := labeller.ready():
        pytest.skip(f"needs: {lacking}")
    yield labeller
    await labeller.aclose()
