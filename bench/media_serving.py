"""What media costs those who ask beside it, and what it saves to have seen it before. Parts of ``media.py``."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from made_media import pictures, recordings
from PIL import Image
from rich.table import Table

import loadgen
from asking import MODELS, Client, asking
from watched import configured, folder, megabytes, memory_of, scripted, serving

REQUEST_BYTES = 20_971_520
"""What the server takes, as Vertex AI does."""
_PATH = f"{MODELS}/gemini-2.5-flash:generateContent"
_NOISE_SIDE = 2288
"""Of a picture whose pixels fill a request: three bytes for each, in base64."""
_SOUND_SECONDS = 490
_SMALL_EVERY = 0.005


async def beside(quick: bool) -> Table:
    """Small requests, one each 5 ms: alone, and while 20 MB come in one after the other from somebody else."""
    rounds = 3 if quick else 12
    table = Table(
        "20 MB of", "requests", "p50", "p99", "longest", "alone: p50", "p99", "longest", "20 MB answered after",
        "memory", title=f"(8) small requests, one each {_SMALL_EVERY * 1e3:g} ms, beside others of 20 MB",
    )  # fmt: skip
    sound = recordings.sound("wav", "pcm_s16le", seconds=_SOUND_SECONDS)
    picture, speech = _large("image/png", _noise()), _large("audio/wav", sound)
    with folder() as place:
        for title, sees, large in (
            ("a picture, shown", True, picture),
            ("a picture, described", False, picture),
            ("sound, handed on", True, speech),
            ("sound, described", False, speech),
        ):
            config = configured(
                place, scripted(place, media=sees), cache_dir=str(place / "cache"), memory_bytes=1,
                reader="scripted", labeller="none", transcriber="scripted",
            )  # fmt: skip
            with serving(config) as server, memory_of(server) as memory:
                await _small_ones(server.port)
                alone, small, sent = await _in_turns(server.port, large, rounds)
            table.add_row(
                title, str(len(small)), *_times(small), *_times(alone),
                f"{statistics.median(sent):.2f} s ({len(sent)})", megabytes(memory.peak("server")),
            )  # fmt: skip
    return table


async def again(quick: bool) -> Table:
    """Pictures described for the embedded model."""
    table = Table(
        "request with a picture", "seconds", "at most",
        title="(9) pictures described for the embedded model, 8 tokens of answer",
    )  # fmt: skip
    cold, *others = pictures.drawings()[: 3 if quick else 11]
    with folder() as place:
        config = configured(place, "llama", cache_dir=str(place / "cache"))
        with serving(config) as server:
            async with asking(server) as client:
                first = await _shown(client, cold)
                new = [await _shown(client, drawing) for drawing in others]
                repeated = [await _shown(client, drawing) for drawing in others]
    table.add_row("the first one, which loads the models", f"{first:.2f}", "")
    for title, seconds in ((f"{len(others)} others", new), ("the same again", repeated)):
        table.add_row(title, f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}")
    return table


async def _shown(client: Client, drawing: pictures.Drawing) -> float:
    data = base64.b64encode(drawing.content).decode()
    part = {"inlineData": {"mimeType": drawing.mime_type, "data": data}}
    answer = await client.ask(part, model="gemini-2.5-flash", maxOutputTokens=8)
    assert answer.status == 200, answer.body
    return answer.seconds


async def _in_turns(port: int, large: bytes, rounds: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds of small requests alone, of those beside large ones, and of the large ones: a second of each."""
    alone: list[float] = []
    beside: list[float] = []
    sent: list[float] = []
    for _ in range(rounds):
        alone += await _small_ones(port)
        with _sending(port, large, sent):
            beside += await _small_ones(port)
    return alone, beside, sent


async def _small_ones(port: int, seconds: float = 1.0) -> list[float]:
    """How long each took, counted from when it was due: who waits behind a stall is counted, too."""
    request = loadgen.post(_PATH, json.dumps(_contents({"text": "Hello"})).encode())
    took: list[float] = []

    async def one(due: float) -> None:
        await loadgen.run(port, request, requests=1, connections=1)
        took.append(time.perf_counter() - due)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(seconds / _SMALL_EVERY)):
            due = begin + number * _SMALL_EVERY
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(one(due))
    return took


@contextmanager
def _sending(port: int, body: bytes, seconds: list[float]) -> Iterator[None]:
    """A thread that sends ``body`` again and again; it waits in the kernel and stalls nobody here."""
    over = threading.Event()

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while not over.is_set():
            started = time.perf_counter()
            connection.request("POST", _PATH, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            told = response.read()
            assert response.status == 200, told
            seconds.append(time.perf_counter() - started)
        connection.close()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _large(mime_type: str, content: bytes) -> bytes:
    data = base64.b64encode(content).decode()
    body = json.dumps(_contents({"inlineData": {"mimeType": mime_type, "data": data}})).encode()
    assert 0.99 * REQUEST_BYTES < len(body) <= REQUEST_BYTES, len(body)
    return body


def _noise() -> bytes:
    """A PNG file, as large as its pixels."""
    side = (_NOISE_SIDE, _NOISE_SIDE)
    return pictures.saved(
        Image.frombytes("RGB", side, os.urandom(3 * side[0] ** 2)), "image/png", compress_level=0
    )


def _contents(part: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [part]}]}


def _times(seconds: list[float]) -> list[str]:
    """p50, p99 and the longest."""
    in_order = sorted(seconds)
    chosen = (in_order[int(share * len(in_order))] for share in (0.5, 0.99))
    return [f"{1e3 * value:.1f} ms" for value in (*chosen, in_order[-1])]
