"""The process of an observer: one model load for many jobs, and a new one after whatever ends it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest

from geminid.attachment import Kind
from geminid.errors import InvalidArgument, Unavailable
from geminid.media.observers.recogniser import Limits, Recogniser

Hire: TypeAlias = Callable[..., Recogniser]

PARROT = """
import os, time

def load(greeting="hello"):
    print("libraries chatter")
    def recognise(text="", seconds=0, size=0, file="", status=None):
        time.sleep(seconds)
        if status is not None:
            os._exit(status)
        if file:
            open(file)
        return [greeting, text, len(bytearray(size)), sorted(os.environ)]
    return recognise
"""


@pytest.fixture
async def hire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hire]:
    (tmp_path / "parrot.py").write_text(PARROT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    hired = []

    def hire(*arguments: str, module: str = "parrot", **limits: float) -> Recogniser:
        hired.append(Recogniser(module, *arguments, kind=Kind.IMAGE, limits=Limits(**limits)))
        return hired[-1]

    yield hire
    for each in hired:
        await each.aclose()


async def test_one_process_does_all_jobs(hire: Hire) -> None:
    parrot = hire("salut")

    first = await parrot.run(text="a")
    pid = parrot.pid
    second, third = await asyncio.gather(parrot.run(text="b"), parrot.run(text="c"))

    assert [each[:2] for each in (first, second, third)] == [["salut", "a"], ["salut", "b"], ["salut", "c"]]
    assert parrot.pid == pid


async def test_nothing_runs_before_the_first_job(hire: Hire) -> None:
    assert hire().pid is None


@pytest.mark.parametrize("job", [{"status": 0}, {"status": 3}, {"size": 2**40}, {"size": -1}, {"unknown": 1}])
async def test_a_job_that_breaks_it_costs_that_job_only(hire: Hire, job: dict[str, int]) -> None:
    parrot = hire()

    with pytest.raises(InvalidArgument, match="Unable to process input image"):
        await parrot.run(**job)

    assert (await parrot.run(text="next"))[1] == "next"


async def test_a_job_has_limited_time(hire: Hire) -> None:
    parrot = hire(seconds=0.5)

    with pytest.raises(InvalidArgument, match="in time"):
        await parrot.run(seconds=60)

    assert parrot.pid is None


async def test_memory_is_limited(hire: Hire) -> None:
    parrot = hire(memory_bytes=512 * 1024**2)

    with pytest.raises(InvalidArgument):
        await parrot.run(size=1024**3)


async def test_a_cancelled_job_ends_at_once_and_the_next_one_is_done(hire: Hire) -> None:
    parrot = hire()
    await parrot.run()
    job = asyncio.create_task(parrot.run(seconds=60))
    await asyncio.sleep(0)
    process = psutil.Process(parrot.pid)

    job.cancel()
    await asyncio.wait([job])

    assert not process.is_running()
    assert (await parrot.run(text="next"))[1] == "next"


async def test_a_process_killed_while_idle_is_replaced(hire: Hire) -> None:
    parrot = hire()
    await parrot.run()
    killed = psutil.Process(parrot.pid)

    os.kill(killed.pid, signal.SIGKILL)
    await asyncio.to_thread(killed.wait, 30)
    async with asyncio.timeout(30):
        while parrot.pid is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert (await parrot.run(text="next"))[1] == "next"


async def test_closing_tells_who_waits(hire: Hire) -> None:
    parrot = hire()
    await parrot.run()
    jobs = [asyncio.create_task(parrot.run(seconds=60)) for _ in range(2)]
    await asyncio.sleep(0)

    await parrot.aclose()
    told = await asyncio.gather(*jobs, return_exceptions=True)

    assert [type(each) for each in told] == [Unavailable, Unavailable]
    assert parrot.pid is None


@pytest.mark.parametrize("module", ["there_is_no_such_module", "parrot"])
async def test_a_model_that_does_not_load_makes_it_unavailable(hire: Hire, module: str) -> None:
    with pytest.raises(Unavailable):
        await hire("too", "many", module=module).run()


async def test_it_is_given_no_keys(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    parrot = hire()

    assert "OPENAI_API_KEY" not in (await parrot.run())[3]


async def test_large_pictures_come_through(hire: Hire) -> None:
    assert (await hire().run(text="x" * 50_000_000))[1] == "x" * 50_000_000
