"""Videos of YouTube, by yt-dlp, an extra: in a process of its own that writes the video to its standard output.

Its settings, plugins, cookies and other sites stay out of it. Called by ``fetcher.py``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import IO

from geminid import errors
from geminid.media import base
from geminid.media.fetch import refusals, uris
from geminid.media.fetch.cache import Cache, Validator
from geminid.media.fetch.policy import Policy
from geminid.media.fetch.refusals import Status
from geminid.media.fetch.spool import Spool

_log = logging.getLogger(__name__)

# https://github.com/yt-dlp/yt-dlp#usage-and-options
OPTIONS = (
    *("--ignore-config", "--no-plugin-dirs", "--no-cache-dir", "--no-cookies", "--no-exec"),
    *("--use-extractors", "youtube", "--no-playlist", "--match-filters", "!is_live"),
    *("--quiet", "--no-warnings", "--no-progress", "--socket-timeout", "10", "--retries", "2"),
    *("--format", "b[ext=mp4][height<=480]/b[ext=mp4]", "--output", "-"),  # one file, so that nothing is merged
)
_PIECE = 1 << 18
_END_SECONDS = 5
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SYSTEMROOT")


class YouTube:
    """``command`` stands for yt-dlp; without it the yt-dlp of this Python is run."""

    def __init__(self, policy: Policy, cache: Cache, command: Sequence[str] | None = None) -> None:
        self._policy = policy
        self._cache = cache
        self._command = command

    async def get(self, video: uris.Video, limit: int) -> base.File:
        """The video as an MP4 file. InvalidArgument where it cannot be had, or yt-dlp is missing."""
        command = self._yt_dlp(video)
        try:
            async with asyncio.timeout(self._policy.object_seconds):
                return await self._fetch(video, [*command, *OPTIONS, "--max-filesize", str(limit)], limit)
        except TimeoutError as error:
            raise refusals.unfetched(Status.TIMEOUT) from error

    async def _fetch(self, video: uris.Video, command: Sequence[str], limit: int) -> base.File:
        if (known := self._cache.known(str(video))) is not None:
            refusals.require_size(str(video), known.size, limit)
            return await known.file()
        async with Spool(self._cache, str(video), limit) as spool:
            async with aclosing(_output([*command, str(video)])) as pieces:
                async for piece in pieces:
                    await spool.write(piece)
            if not spool.size:
                raise refusals.unfetched(Status.NOT_FOUND)
            return await spool.keep(str(video), "video/mp4", Validator(etag=video.id))

    def _yt_dlp(self, video: uris.Video) -> Sequence[str]:
        if not self._policy.youtube:
            raise refusals.unsupported(str(video), "this server does not fetch from YouTube")
        if self._command is None and importlib.util.find_spec("yt_dlp") is None:
            raise errors.InvalidArgument(
                f"Unsupported file uri: {video} (videos of YouTube need yt-dlp: pip install 'geminid[youtube]')"
            )
        return self._command or (sys.executable, "-P", "-m", "yt_dlp")


async def _output(command: Sequence[str]) -> AsyncGenerator[bytes, None]:
    """What ``command`` writes; InvalidArgument if it fails. It is ended with the iteration."""
    with tempfile.TemporaryDirectory(prefix="geminid-") as home, tempfile.TemporaryFile() as said:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=said,
            cwd=home,
            env=environment | {"HOME": home},
            start_new_session=True,
        )
        try:
            while piece := await _stdout(process).read(_PIECE):
                yield piece
            if await process.wait():
                _log.info("yt-dlp failed: %s", _last_line(said))
                raise refusals.unfetched(Status.NOT_FOUND)
        finally:
            await _end(process)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read(10_000).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"


async def _end(process: Process) -> None:
    """Ends it and all that it started, and reads what is left in the pipe, which is closed only then."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            while await _stdout(process).read(_PIECE):
                pass
    await process.wait()


def _stdout(process: Process) -> asyncio.StreamReader:
    assert process.stdout is not None
    return process.stdout
