"""Videos of YouTube, with a program of a few lines in the place of yt-dlp."""

from __future__ import annotations

import asyncio
import os
import select
import sys
from pathlib import Path
from typing import Any

import pytest

from geminid.errors import InvalidArgument
from geminid.media import base
from geminid.media.fetch.youtube import OPTIONS

URI = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def program(source: str) -> list[str]:
    return [sys.executable, "-c", f"import os, sys, time\n{source}"]


async def test_a_video_is_what_the_program_writes(make: Any) -> None:
    fetcher = make(yt_dlp=program("print(sys.argv[-1], end='')"))

    assert await fetcher.get("https://youtu.be/dQw4w9WgXcQ?t=1") == base.File(URI.encode(), "video/mp4")


async def test_a_video_is_brought_once(make: Any, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    fetcher = make(yt_dlp=program(f"open({str(runs)!r}, 'a').write('x'); print('video')"))

    await fetcher.get(URI)
    await fetcher.get("https://m.youtube.com/shorts/dQw4w9WgXcQ")

    assert runs.read_text() == "x"


async def test_the_program_knows_nothing_of_the_server(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "secret")
    fetcher = make(yt_dlp=program("print(sorted(os.environ), os.getcwd() == os.environ['HOME'])"))

    said = (await fetcher.get(URI)).content

    assert b"SECRET" not in said
    assert said.strip().endswith(b"True")


@pytest.mark.parametrize(
    "source", ["sys.exit(1)", "print('half'); sys.exit(1)", "pass", "os.kill(os.getpid(), 9)"]
)
async def test_a_video_that_cannot_be_had_is_refused(source: str, make: Any) -> None:
    with pytest.raises(InvalidArgument, match="URL_ERROR-ERROR_NOT_FOUND"):
        await make(yt_dlp=program(source)).get(URI)


async def test_a_video_has_a_limit(make: Any) -> None:
    fetcher = make(yt_dlp=program("while True: os.write(1, bytes(65536))"))

    with pytest.raises(InvalidArgument, match="limit of 1000000 bytes"):
        await fetcher.get(URI, limit=1_000_000)


async def test_a_program_that_hangs_is_ended_with_its_children(make: Any, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    fetcher = make(
        object_seconds=3,
        yt_dlp=program(f"child = os.fork(); open({str(pids)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(60)"),
    )

    with pytest.raises(InvalidArgument, match="URL_TIMEOUT"):
        await fetcher.get(URI)

    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2
    assert all([await asyncio.to_thread(ends, pid) for pid in started])


def ends(pid: int) -> bool:
    """Whether ``pid`` is gone within half a minute."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(descriptor, "rb") as process:
        return bool(select.select([process], [], [], 30)[0])


def test_the_real_program_takes_the_options() -> None:
    yt_dlp = pytest.importorskip("yt_dlp", reason="pip install yt-dlp")

    parsed = yt_dlp.parse_options([*OPTIONS, "--max-filesize", "100", URI])

    assert parsed.urls == [URI]
    assert parsed.ydl_opts["allowed_extractors"] == ["youtube"]
    assert not parsed.ydl_opts.get("enable_file_urls")
    assert not parsed.ydl_opts.get("usenetrc")


async def test_youtube_may_be_turned_off(make: Any) -> None:
    with pytest.raises(InvalidArgument, match="this server does not fetch from YouTube"):
        await make(youtube=False).get(URI)
