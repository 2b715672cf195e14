"""A llama.cpp child that dies, hangs, or cannot be started."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from geminid.deploy.kept_child import ChildFailed, KeptChild
from geminid.engines.kept_child import Bounds
from geminid.engines.llama_process import Job

pytestmark = pytest.mark.model


async def test_a_child_that_dies_is_followed_by_another(kept: KeptChild) -> None:
    first = await kept.ready()

    first.process.kill()
    second = await kept.successor(first)

    assert second is not None
    assert second.key != first.key
    kept.check()


async def test_a_child_that_is_there_has_no_successor(kept: KeptChild) -> None:
    assert await kept.successor(await kept.ready()) is None


async def test_a_child_that_hangs_at_work_is_killed(smollm2: Path) -> None:
    kept = KeptChild(Job(smollm2, threads=1, slots=1, context_tokens=512), Bounds(hang=0.4))
    await kept.start()
    child = await kept.ready()

    child.begin()
    os.kill(child.process.pid, signal.SIGSTOP)
    async with asyncio.timeout(30):
        await child.process.wait()

    await kept.aclose()


async def test_an_idle_child_is_left_alone(smollm2: Path) -> None:
    kept = KeptChild(Job(smollm2, threads=1, slots=1, context_tokens=512), Bounds(hang=0.1))
    await kept.start()
    child = await kept.ready()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await child.process.wait()

    await kept.aclose()


async def test_what_is_no_model_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"nothing")

    with pytest.raises(ChildFailed, match=r"model\.gguf"):
        await KeptChild(Job(tmp_path / "model.gguf")).start()
