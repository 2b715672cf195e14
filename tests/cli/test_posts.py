"""Workers that die or hang again and again: who is at which post, and who has which seat."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import psutil
import pytest
from msgspec import structs

from geminid.cli.posts import Seats
from geminid.cli.workers import Workers, WorkersError
from geminid.doors.shared_port import SEATS
from geminid.settings import Llama, Server, Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows inherits no sockets")

URL = "http://127.0.0.1:{}/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent"
BODY = {"contents": {"role": "user", "parts": {"text": "Hello"}}}

LONG = {
    "contents": {"role": "user", "parts": {"text": "Write a long story."}},
    "generationConfig": {"temperature": 0, "maxOutputTokens": 1200},
}
"""At which the embedded model writes for longer than two reloads take."""


def settings(engine: str = "scripted") -> Settings:
    return Settings(engine=engine, server=Server(workers=2, port=0, grpc_port=0, tls_port=0, drain_seconds=1))


@pytest.fixture
async def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[Settings], Workers]]:
    """Makes servers, and stops them."""
    monkeypatch.setenv("GEMINID_STATE", str(tmp_path / "state"))
    all_made: list[Workers] = []

    def make(settings: Settings) -> Workers:
        all_made.append(Workers(settings))
        return all_made[-1]

    yield make
    for workers in all_made:
        await workers.stop()


@pytest.fixture
async def workers(made: Callable[[Settings], Workers]) -> Workers:
    """Two, which listen."""
    workers = made(settings())
    await workers.start()
    return workers


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    """A script that nobody has written yet: who reads it waits, and its event loop with it."""
    os.mkfifo(tmp_path / "script.json")
    return tmp_path / "script.json"


async def answer(workers: Workers) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.post(URL.format(workers.port("http")), json=BODY) as got,
    ):
        assert got.status == 200
        return await got.text()


async def test_who_hangs_at_the_first_start_is_killed_and_named(
    made: Callable[[Settings], Workers],
    hanging: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    workers = made(settings(f"scripted:{hanging}"))
    workers.start_seconds = 5

    with pytest.raises(WorkersError, match=r"^worker 1 did not listen within 5 s and was killed\.$"):
        await workers.start()

    assert "worker 1 does not listen after 5 s and is killed. This is where it stands:" in caplog.text
    assert "most recent call first" in capfd.readouterr().err


async def test_a_new_worker_that_hangs_leaves_the_old_ones_in_service(workers: Workers, hanging: Path) -> None:
    old = workers.serving
    workers.start_seconds = 1

    with pytest.raises(WorkersError, match="worker 3 did not listen within 1 s"):
        await workers.reload(settings(f"scripted:{hanging}"))

    assert workers.serving == old
    assert workers.settings == settings()
    assert "candidates" in await answer(workers)


async def test_where_the_second_hangs_the_first_goes_again(workers: Workers, hanging: Path) -> None:
    old = workers.serving
    reloading = asyncio.create_task(workers.reload(settings(f"scripted:{hanging}")))
    await asyncio.to_thread(hanging.write_text, '{"answers": [{"chunks": ["new"]}]}')  # once there is a reader
    workers.start_seconds = 1

    with pytest.raises(WorkersError, match="worker 4 did not listen"):
        await reloading

    assert workers.serving == old
    await asyncio.wait([worker.ended for worker in workers.alive if worker not in old])
    assert "new" not in await answer(workers)


async def test_after_a_reload_that_was_not_done_the_next_one_is(workers: Workers, hanging: Path) -> None:
    workers.start_seconds = 1
    with pytest.raises(WorkersError):
        await workers.reload(settings(f"scripted:{hanging}"))
    workers.start_seconds = 60
    good = hanging.with_name("good.json")
    good.write_text('{"answers": [{"chunks": ["new"]}]}')

    await workers.reload(settings(f"scripted:{good}"))

    assert "new" in await answer(workers)


async def test_who_is_killed_while_a_reload_hangs_is_followed_by_another(workers: Workers, hanging: Path) -> None:
    victim, other = workers.serving
    reloading = asyncio.create_task(workers.reload(settings(f"scripted:{hanging}")))

    os.kill(victim.pid, signal.SIGKILL)
    follower = await another(workers, victim.pid, seat=victim.seat)

    assert not reloading.done()
    assert {worker.pid for worker in workers.serving} == {follower, other.pid}
    reloading.cancel()
    await asyncio.wait([reloading])


async def another(workers: Workers, gone: int, seat: int) -> int:
    """The process that has come to sit there for one that is gone."""
    async with asyncio.timeout(30):
        while True:
            for worker in workers.serving:
                if worker.seat == seat and worker.pid != gone:
                    return worker.pid
            await asyncio.sleep(0.01)


async def test_a_post_whose_workers_die_at_once_is_filled_after_growing_pauses(workers: Workers) -> None:
    victim, other = workers.serving
    pid, began = victim.pid, time.monotonic()

    for _ in range(3):
        os.kill(pid, signal.SIGKILL)
        pid = await another(workers, pid, seat=victim.seat)

    assert time.monotonic() - began > 0.1 + 0.2 + 0.4
    assert sorted(worker.seat for worker in workers.alive) == [0, 1]
    assert other in workers.serving
    assert "candidates" in await answer(workers)


async def test_a_worker_that_hangs_in_the_place_of_a_dead_one_is_killed_too(workers: Workers) -> None:
    victim, _ = workers.serving
    workers.start_seconds = 0.01

    os.kill(victim.pid, signal.SIGKILL)
    late = await another(workers, victim.pid, seat=victim.seat)
    workers.start_seconds = 60
    last = await another(workers, late, seat=victim.seat)

    (worker,) = (worker for worker in workers.serving if worker.pid == last)
    assert await worker.becomes(worker.listening)


async def test_who_retires_before_it_listens_goes_too(workers: Workers) -> None:
    victim, _ = workers.serving
    os.kill(victim.pid, signal.SIGKILL)
    pid = await another(workers, victim.pid, seat=victim.seat)
    (new,) = (worker for worker in workers.serving if worker.pid == pid)

    new.retire()
    await asyncio.wait([new.ended])

    assert not new.listening.is_set()
    assert new.status == 0


def embedded(slots: int) -> Settings:
    one = Llama(weights="smollm2-135m", slots=slots, context_tokens=2048, threads=1)
    return structs.replace(settings("one"), engines={"one": one})


@pytest.mark.model
async def test_an_engine_stays_while_a_worker_writes_with_it(
    made: Callable[[Settings], Workers], hanging: Path
) -> None:
    def models() -> int:
        return sum("geminid.engines.llama_child" in child.cmdline() for child in psutil.Process().children())

    workers = made(embedded(slots=1))
    await workers.start()
    await workers.wait_ready()
    url = URL.format(workers.port("http")).replace("generate", "streamGenerate")
    async with aiohttp.ClientSession() as session, session.post(f"{url}?alt=sse", json=LONG) as stream:
        await stream.content.readline()

        await workers.reload(embedded(slots=2))
        workers.start_seconds = 1
        with pytest.raises(WorkersError):
            await workers.reload(settings(f"scripted:{hanging}"))

        assert models() == 2
        assert b'"finishReason": "' in await stream.read()
    async with asyncio.timeout(30):
        while models() != 1:  # noqa: ASYNC110 - processes tell nobody
            await asyncio.sleep(0.05)


def test_no_seat_is_taken_twice() -> None:
    seats = Seats(1)
    taken = [seats.take() for _ in range(SEATS)]

    with pytest.raises(WorkersError, match="still retiring"):
        seats.take()
    seats.leave(taken[7])

    assert sorted(taken) == list(range(SEATS))
    assert seats.take() == taken[7]
