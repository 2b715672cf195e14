"""A pool of workers, the oracle for files that are out to harm, and the smallest PNG, to be made wrong.

Makes ``made_media`` importable too, which is for ``bench/`` as well.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from geminid.engines import weights
from geminid.engines.weights import File, Licence, Weights
from geminid.errors import InvalidArgument
from geminid.media.workers import Workers

Refusal: TypeAlias = Callable[..., Awaitable[str]]
Png: TypeAlias = Callable[..., bytes]

sys.path.append(str(Path(__file__).parent / "makers"))

_BETRAYAL = re.compile(r"/|0x[0-9a-f]{4}|Traceback|Error|\.py|<_io")
"""What no message may hold, links apart."""


_MOONSHINE = "pypi:moonshine-voice==0.1.0/moonshine_voice/assets"
_RECORDINGS = {
    "beckett.wav": "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61",
    "two_cities.wav": "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
}


@pytest.fixture(scope="session")
def here() -> Callable[[File], Path]:
    """Finds a pinned file of a package, kept with the models. Nothing is fetched: what is missing is skipped."""

    def here(file: File) -> Path:
        pinned = Weights(
            name="file", title="", source=file.source, sha256=file.sha256, licence=Licence(""), context_tokens=0
        )
        found = weights.cached(pinned)
        if found is None:
            pytest.skip(f"{file.source} is not cached")
        return found

    return here


@pytest.fixture(scope="session")
def recordings(here: Callable[[File], Path]) -> dict[str, Path]:
    """Read by people: https://pypi.org/project/moonshine-voice/0.1.0/"""
    return {name: here(File(f"{_MOONSHINE}/{name}", sha256)) for name, sha256 in _RECORDINGS.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(size=2)
    yield pool
    await pool.aclose()


@pytest.fixture
def refused(workers: Workers, png: Png) -> Refusal:
    """Has a job refused: in words that betray nothing, the pool as good as before.

    And within ten seconds, which may be twenty on a machine that is busy.
    """

    async def refused(job: str, content: bytes, **arguments: Any) -> str:
        with pytest.raises(InvalidArgument) as refusal:
            await asyncio.wait_for(workers.run(job, content, **arguments), 20)
        message = refusal.value.message
        assert not _BETRAYAL.search(re.sub(r"https://\S+", "", message)), message
        async with asyncio.timeout(20):
            assert (await workers.run("image.look", png()))["width"] == 4
        assert len(workers.pids) <= workers.size
        return message

    return refused


@pytest.fixture(scope="session")
def png() -> Png:
    from made_media.hostile import pictures

    return pictures.png
