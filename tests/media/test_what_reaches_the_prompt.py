"""What is in the media reaches the prompt of a model that neither sees nor hears, by the real observers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from made_media import documents, pictures
from made_media.recordings import captioned

from geminid.attachment import WHOLE, Attachment, Window
from geminid.build.media import observers_of, understanding_of
from geminid.engines.script import Script
from geminid.engines.scripted import Scripted
from geminid.gemini.profiles import Catalogue
from geminid.generation import Generation, Turn
from geminid.media.understand import Reader, Understanding
from geminid.settings import Media, Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEW = slice(None, None, 5)
"""Of the twenty drawings: one of each sort."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def understanding(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Understanding]:
    settings = Settings(media=Media(cache_dir=str(tmp_path_factory.mktemp("cache")), workers=2))
    observers = observers_of(settings, {})
    for observer in (observers.reader, observers.labeller, observers.transcriber):
        if observer is not None and (remedy := observer.ready()):
            pytest.skip(f"needs: {remedy}")
    understanding = understanding_of(settings, {})
    yield understanding
    await understanding.aclose()


async def prompt_of(understanding: Understanding, mime_type: str, data: bytes, window: Window = WHOLE) -> str:
    model = Catalogue().find("gemini-2.5-flash")
    assert model
    engine = Scripted(msgspec.convert({"sees": False, "hears": False}, Script))
    generation = Generation((Turn("user", (Attachment(mime_type, data, window=window),)),))
    reader = Reader(engine, 1_000_000, model.profile.input_tokens, model.profile.media)
    (text,) = (await understanding.understand(generation, reader)).descriptions()
    return text


@pytest.mark.parametrize("drawing", pictures.drawings()[FEW], ids=lambda drawing: drawing.name)
async def test_text_in_pictures(understanding: Understanding, drawing: pictures.Drawing) -> None:
    text = await prompt_of(understanding, drawing.mime_type, drawing.content)

    missed = pictures.missed(drawing.text, text)
    assert len(missed) <= 0.05 * len(pictures.words(drawing.text)), missed


@pytest.mark.parametrize("make", [documents.typed, documents.scanned])
async def test_the_pages_of_a_document(understanding: Understanding, make: object) -> None:
    assert callable(make)

    text = await prompt_of(understanding, "application/pdf", make())

    for number, page in enumerate(documents.PAGES, 1):
        assert f"| Page {number}:" in text
        assert pictures.missed(page, text) == []


async def test_the_captions_of_the_stretch_that_is_meant(understanding: Understanding) -> None:
    clip = captioned({0: "HARBOUR", 4: "LIGHTHOUSE", 8: "ISLAND"}, seconds=12)

    text = await prompt_of(understanding, "video/mp4", clip, Window(start=5, end=7.5))

    assert re.findall(r"HARBOUR|LIGHTHOUSE|ISLAND", text) == ["LIGHTHOUSE"]
    assert "| 0:00:05 " in text


async def test_what_is_said(understanding: Understanding, recordings: dict[str, Path]) -> None:
    text = await prompt_of(
        understanding, "audio/wav", await asyncio.to_thread(recordings["beckett.wav"].read_bytes)
    )

    assert "try again" in text.lower()
    assert "fail better" in text.lower()
