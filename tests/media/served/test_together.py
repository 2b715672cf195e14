"""Good and hostile files from many clients at a time: everybody gets the answer that is theirs."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from typing import Any

import pytest
from made_media import documents as good_documents
from made_media import recordings as good_recordings
from made_media.hostile import documents, pictures, recordings, texts
from made_media.pictures import drawn, saved

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS = 32
SECONDS = 6.0
GOOD = {
    "a png": ("image/png", lambda: pictures.png(40, 30)),
    "a photograph": ("image/jpeg", lambda: saved(drawn({(40, 40): "Hello"}), "image/jpeg")),
    "a document": ("application/pdf", good_documents.typed),
    "a sound": ("audio/wav", lambda: good_recordings.sound("wav", "pcm_s16le")),
    "a film": ("video/mp4", lambda: good_recordings.film("mp4", "libx264", seconds=2)),
    "a text": ("text/plain", lambda: b"All happy families are alike."),
}
BAD = {
    "a wide png": ("image/png", pictures.REFUSED["png of 169 megapixels"]),
    "half a png": ("image/png", pictures.REFUSED["png cut in its pixels"]),
    "a bomb of text": ("image/png", pictures.REFUSED["png with a bomb as text"]),
    "a locked document": ("application/pdf", documents.REFUSED["encrypted"]),
    "a document in circles": ("application/pdf", documents.REFUSED["cyclic page tree"]),
    "a sound of many channels": recordings.REFUSED["sound of 1000 channels"],
    "a film that is a playlist": recordings.REFUSED["playlist as film"],
    "a film of a billion frames": recordings.REFUSED["film of a billion frames"],
    "a text with nul": texts.REFUSED["text with nul"],
}


async def test_everybody_gets_their_own_answer(
    seeing: Any, blind: Any, inline: Any, decoders: Any, record_testsuite_property: Any
) -> None:
    parts = {name: inline(mime_type, make()) for name, (mime_type, make) in (GOOD | BAD).items()}
    ends = time.monotonic() + SECONDS
    told: list[tuple[str, int, str]] = []

    async def client(number: int) -> None:
        chance = random.Random(number)
        server = blind if number % 4 == 0 else seeing
        while time.monotonic() < ends:
            name = chance.choice([*parts])
            answer = await server.ask({"text": "?"}, parts[name])
            told.append((name, answer.status, answer.text if answer.status == 200 else answer.message))

    async def writer() -> list[float]:
        plain = []
        while time.monotonic() < ends:
            plain.append((await seeing.ask({"text": "?"})).seconds)
        return plain

    plain, *_ = await asyncio.gather(writer(), *map(client, range(CLIENTS)))

    for name in GOOD:
        assert {each[1:] for each in told if each[0] == name} == {(200, "Yes")}, name
    for name in BAD:
        assert len({each[1:] for each in told if each[0] == name}) == 1, name
        assert {each[1] for each in told if each[0] == name} == {400}, name
    centiles = statistics.quantiles(plain, n=100)
    record_testsuite_property("files", len(told))
    record_testsuite_property("plain_p50_ms", round(centiles[49] * 1000, 1))
    record_testsuite_property("plain_p99_ms", round(centiles[98] * 1000, 1))
    assert centiles[98] < 1
    assert len(decoders()) <= 4


async def test_scanned_documents_do_not_wait_for_each_other(serve: Any, inline: Any) -> None:
    """A page is drawn for the reader by a worker; whoever waits for one must not hold another."""
    server = await serve(sees=False, workers=1)
    files = [inline("application/pdf", good_documents.scanned(("One", "Two", str(n)))) for n in range(3)]

    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(server.ask({"text": "?"}, file) for file in files))

    assert [answer.status for answer in answers] == [200] * 3
