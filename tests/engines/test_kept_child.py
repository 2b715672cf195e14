"""A child that cannot be started. How real ones die and hang is in ``test_llama.py``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from geminid.engines.kept_child import ChildFailed, KeptChild
from geminid.engines.llama_process import Job, LlamaProcess, Told


@dataclass(frozen=True, slots=True)
class Idle:
    process: LlamaProcess

    def hangs(self, seconds: float) -> bool:
        return False


@asynccontextmanager
async def opened(process: LlamaProcess, told: Told) -> AsyncIterator[Idle]:
    yield Idle(process)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[KeptChild[Idle]]:
    """Of a file that is no model."""
    (tmp_path / "model.gguf").write_bytes(b"nothing")
    kept = KeptChild(opened)
    kept.start(Job(tmp_path / "model.gguf"))
    yield kept
    await kept.aclose()


async def test_the_first_says_why_there_is_none(kept: KeptChild[Idle]) -> None:
    with pytest.raises(ChildFailed, match=r"model\.gguf is not a whole GGUF model file"):
        await kept.first()

    assert not kept.failed
    assert kept.child is None


async def test_after_some_tries_nobody_waits_any_more(kept: KeptChild[Idle]) -> None:
    began = time.monotonic()
    async with asyncio.timeout(60):
        while not kept.failed:  # noqa: ASYNC110 - it goes on trying, and tells nobody
            await asyncio.sleep(0.01)
    assert time.monotonic() - began > 0.2 + 0.4 + 0.8 + 1.6, "it spins"

    async with asyncio.timeout(1):
        with pytest.raises(ChildFailed, match=r"model\.gguf"):
            await kept.ready()


async def test_nobody_waits_for_one_that_is_closed(kept: KeptChild[Idle]) -> None:
    await kept.aclose()

    async with asyncio.timeout(1):
        with pytest.raises(ChildFailed, match="stopped"):
            await kept.ready()
