"""Media of hours and of gigabytes: memory, time, and what is refused before work is done. Parts of ``media.py``.

Observers are scripted where it is the decoding that is measured.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import platformdirs
from made_media import documents, pictures, recordings
from rich.table import Table

from asking import Client, asking, file_part
from watched import Memory, Server, configured, folder, megabytes, memory_of, scripted, serving

OBSERVERS = {"reader": "scripted", "labeller": "none", "transcriber": "scripted"}
TWO_GB = 2 * 1024**3
MP4_BEGINS = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
_MINUTES = 503
"""8.4 hours, less what the encoder adds to each of the minutes that are joined."""
_MIDST = 1500
"""Seconds."""


def long_sound(path: Path, minutes: int = _MINUTES) -> None:
    """An MP3 file of 16 kbit/s: one minute of a tone, again and again."""
    buffer = io.BytesIO()
    options = {"write_xing": "0", "id3v2_version": "0"}  # both would say that it ends with the first minute
    rate = 16_000
    tone = recordings.tone(rate).tobytes()
    with av.open(buffer, "w", "mp3", options=options) as container:
        stream: Any = container.add_stream("libmp3lame", rate=rate, layout="mono")
        stream.bit_rate = rate
        resampler = av.AudioResampler(stream.format.name, stream.layout.name, rate, stream.frame_size)
        for _ in range(60):
            frame = av.AudioFrame("s16", "mono", rate)
            frame.rate = rate
            frame.planes[0].update(tone)
            for part in resampler.resample(frame):
                part.pts = None
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    with path.open("wb") as file:
        for _ in range(minutes):
            file.write(buffer.getvalue())


def long_film(path: Path, seconds: int) -> None:
    """An MP4 file with a tone, of two pictures a second, whose caption changes every minute."""
    captions: dict[float, str] = {minute * 60: f"PAGE {minute}" for minute in range(-(-seconds // 60))}
    path.write_bytes(recordings.captioned(captions, seconds=seconds, rate=2))


async def hours(quick: bool) -> Table:
    """A recording of 8.4 hours, a film of one: described, and given up half way."""
    minutes, seconds = (60, 1800) if quick else (_MINUTES, 3600)
    table = Table(
        "", f"{minutes / 60:.1f} hours of sound", f"{seconds / 3600:.1f} hours of film",
        title="(5) long recordings, scripted observers",
    )  # fmt: skip
    with folder() as place:
        long_sound(place / "sound.mp3", minutes)
        long_film(place / "film.mp4", seconds)
        config = configured(
            place, scripted(place), file_roots=[str(place)], cache_dir=str(place / "cache"), workers=1,
            memory_bytes=1, **OBSERVERS,
        )  # fmt: skip
        with serving(config) as server:
            columns = [
                await _described(server, file_part(f"file://{place / name}", mime_type), word)
                for name, mime_type, word in (
                    ("sound.mp3", "audio/mpeg", "sound: "),
                    ("film.mp4", "video/mp4", "video: "),
                )
            ]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    return table


async def _described(server: Server, part: dict[str, Any], word: str) -> dict[str, str]:
    """``word`` begins the lines of the log that tell how far it is."""
    async with asking(server) as client:
        await client.ask({"inlineData": _picture()})
        counted = await client.ask(part, "countTokens")
        since = time.monotonic()
        with memory_of(server) as memory:
            answer = await client.ask(part)
        lines = server.logged(word, since)
        offsets = {"videoMetadata": {"startOffset": f"{_MIDST}s", "endOffset": f"{_MIDST + 60}s"}}
        minute = await client.ask(part | offsets)
        stopped = await _given_up(server, client, part, word, after=len(lines) // 2)
    assert answer.status == minute.status == 200, (answer.body, minute.body)
    return {
        "tokens by countTokens, seconds": f"{counted.body['totalTokens']:,} in {counted.seconds:.2f}",
        "seconds": f"{answer.seconds:.1f}",
        "tokens of the answer's prompt": f"{answer.body['usageMetadata']['promptTokenCount']:,}",
        "memory of the server before, at its peak": _span(memory, "server"),
        "of the worker after 25%, after 75%, at its peak": ", ".join(
            [*(megabytes(memory.at(share, "worker")) for share in (0.25, 0.75)), megabytes(memory.peak("worker"))]
        ),
        "a minute out of its midst, seconds": f"{minute.seconds:.2f}",
        "lines of the log that tell how far it is": str(len(lines)),
        "the last one": lines[-1].rpartition(": ")[2] if lines else "",
        **stopped,
    }


async def _given_up(
    server: Server, client: Client, part: dict[str, Any], word: str, *, after: int
) -> dict[str, str]:
    """The client goes away when ``after`` lines were logged; the one worker is there for the next."""
    (worker,) = server.children("worker")
    since = time.monotonic()
    task = asyncio.create_task(client.ask(part))
    await asyncio.to_thread(server.wait_for, lambda: len(server.logged(word, since)) >= after)
    gone = time.perf_counter()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(server.wait_for, lambda: not worker.is_running())
    killed = time.perf_counter() - gone
    assert (await client.ask({"inlineData": _picture()})).status == 200
    answered = time.perf_counter() - gone
    return {"given up half way: the worker ends, the next is done after": f"{killed:.2f} s, {answered:.2f} s"}


async def large(quick: bool) -> Table:
    """Objects of 2 GB that are no film, and documents of 300 pages."""
    pages = 30 if quick else 300
    table = Table("", "outcome", "seconds", "server grows by", "largest worker", title="(6) large files")
    with folder() as place:
        bucket = place / "emulated" / "films"
        bucket.mkdir(parents=True)
        for name, beginning in (("zeros.mp4", b""), ("begins.mp4", MP4_BEGINS)):
            with (bucket / name).open("wb") as file:
                file.write(beginning)
                file.truncate(TWO_GB)
            _stored(bucket / name)
        texts = [f"Page {number} of the harbour's book\nof fees and rules" for number in range(1, pages + 1)]
        (bucket / "typed.pdf").write_bytes(documents.typed(texts))
        (bucket / "scanned.pdf").write_bytes(documents.scanned(texts))
        with _emulator(bucket.parent) as endpoint:
            config = configured(
                place, scripted(place), cache_dir=str(place / "cache"), buckets={"folder": str(bucket)},
                storage_endpoint=endpoint or "http://127.0.0.1:1", **OBSERVERS,
            )  # fmt: skip
            rows = [
                (f"gs:// in {where}: 2 GB that {what}", f"gs://{bucket_name}/{name}", "video/mp4")
                for where, bucket_name in (("a folder", "folder"), ("fake-gcs-server", "films"))
                for what, name in (("are zeros", "zeros.mp4"), ("begin as a film does", "begins.mp4"))
                if endpoint or bucket_name == "folder"
            ]
            rows += [
                (f"{pages} pages, {form}", f"gs://folder/{form}.pdf", "application/pdf")
                for form in ("typed", "scanned")
            ]
            with serving(config) as server:
                for title, uri, mime_type in rows:
                    table.add_row(title, *await _asked(server, file_part(uri, mime_type)))
        if not endpoint:
            table.add_row("gs:// in fake-gcs-server", "not here")
    return table


async def _asked(server: Server, part: dict[str, Any]) -> list[str]:
    async with asking(server) as client:
        await client.ask({"inlineData": _picture()})
        with memory_of(server) as memory:
            answer = await client.ask(part)
    outcome = f"{answer.status} {answer.message[:60]}"
    grown, worker = memory.growth("server"), memory.peak("worker")
    return [outcome, f"{answer.seconds:.2f}", megabytes(grown), megabytes(worker)]


async def what_cannot_fit(quick: bool) -> Table:
    """8.4 hours of sound for the embedded model."""
    table = Table("8.4 hours for the embedded model", "", title="(7) what cannot fit")
    with folder() as place:
        long_sound(place / "sound.mp3")
        config = configured(place, "llama", file_roots=[str(place)], cache_dir=str(place / "cache"))
        part = file_part(f"file://{place / 'sound.mp3'}", "audio/mpeg")
        with serving(config) as server:
            async with asking(server) as client:
                with memory_of(server) as memory:
                    answer = await client.ask(part)
            listened = memory.peak("recogniser")
    table.add_row("answer", f"{answer.status} {answer.message}")
    table.add_row("seconds", f"{answer.seconds:.2f}")
    table.add_row("the transcriber was started", "yes" if listened else "no")
    return table


def _span(memory: Memory, role: str) -> str:
    return f"{megabytes(memory.samples[0].get(role, 0))}, {megabytes(memory.peak(role))}"


def _picture() -> dict[str, Any]:
    import base64

    image = pictures.saved(pictures.drawn({(20, 20): "ready"}, canvas=(200, 80)), "image/png")
    return {"mimeType": "image/png", "data": base64.b64encode(image).decode()}


def _stored(path: Path) -> None:
    """Makes a file an object of fake-gcs-server, which keeps what it knows of objects in one of two places."""
    known = json.dumps({"Etag": "1", "Updated": "2026-01-01T00:00:00Z", "ContentType": "video/mp4"}).encode()
    path.with_name(f"{path.name}.metadata").write_bytes(known)
    with suppress(AttributeError, OSError):
        os.setxattr(path, "user.metadata", known)


@contextmanager
def _emulator(data: Path) -> Iterator[str]:
    """Its address, empty where it is not installed: go install github.com/fsouza/fake-gcs-server@latest"""
    kept = platformdirs.user_cache_path("geminid", appauthor=False) / "clients" / "go" / "bin"
    program = shutil.which("fake-gcs-server", path=os.pathsep.join([str(kept), os.environ["PATH"]]))
    if program is None:
        yield ""
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = f"-scheme http -host 127.0.0.1 -port {port} -public-host 127.0.0.1:{port} -backend filesystem"
    process = subprocess.Popen(
        [program, *options.split(), "-filesystem-root", str(data)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
