"""The pool: warm, bounded, and never worse for what one of its workers has met."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest
from made_media.documents import pdf

from geminid.errors import InvalidArgument, Unavailable
from geminid.media.workers import Limits, Workers

Png: TypeAlias = Callable[..., bytes]

PAGES = 900


@pytest.fixture
async def pool() -> AsyncIterator[Workers]:
    workers = Workers(size=2)
    yield workers
    await workers.aclose()


@pytest.fixture(scope="session")
def book() -> bytes:
    """A PDF of as many pages as the tests of streams want."""
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 3 + PAGES))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>"
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, PAGES),
        *[page] * PAGES,
    )


async def until(holds: Callable[[], bool]) -> None:
    """Of other processes there is nothing to wait for but what they look like."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """An orphan may wait for its new parent's attention."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


async def test_one_worker_serves_one_job_after_the_other(pool: Workers, png: Png) -> None:
    for _ in range(5):
        await pool.run("image.look", png())

    assert len(pool.pids) == 1


async def test_jobs_beyond_its_size_wait(pool: Workers, png: Png) -> None:
    told = await asyncio.gather(*(pool.run("image.look", png(4 + n, 4)) for n in range(12)))

    assert [each["width"] for each in told] == list(range(4, 16))
    assert len(pool.pids) == 2


async def test_a_file_on_disk_is_read_without_its_name(pool: Workers, png: Png, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(png())

    assert (await pool.run("image.look", tmp_path / "picture"))["width"] == 4


async def test_a_file_that_is_gone_is_an_error_of_ours(pool: Workers, png: Png, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await pool.run("image.look", tmp_path / "nothing")

    assert (await pool.run("image.look", png()))["width"] == 4


async def test_a_worker_that_dies_in_a_job_costs_that_job(pool: Workers, book: bytes, png: Png) -> None:
    async with aclosing(pool.stream("document.pages", book, long_side=1600, form="rgb")) as pages:
        await anext(pages)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSEGV)
        with pytest.raises(InvalidArgument, match="Unable to process input document"):
            async for _ in pages:
                pass

    assert (await pool.run("image.look", png()))["width"] == 4
    assert pid not in pool.pids


async def test_a_worker_that_dies_idle_costs_nothing(pool: Workers, png: Png) -> None:
    await pool.start()
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)

    assert (await pool.run("image.look", png()))["width"] == 4


async def test_a_worker_that_hangs_is_replaced(pool: Workers, book: bytes, png: Png) -> None:
    async with aclosing(
        pool.stream("document.pages", book, limits=Limits(seconds=2), long_side=1600, form="rgb")
    ) as pages:
        await anext(pages)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(InvalidArgument, match="in time"):
            async for _ in pages:
                pass

    await until(lambda: gone(pid) and len(pool.pids) == 1)


async def test_processor_time_is_limited_for_the_whole_job(pool: Workers, book: bytes) -> None:
    with pytest.raises(InvalidArgument, match="in time"):
        await pool.run("document.pages", book, limits=Limits(cpu_seconds=0), long_side=1600, form="png")


async def test_closing_a_stream_kills_its_worker(pool: Workers, book: bytes) -> None:
    async with aclosing(pool.stream("document.pages", book, long_side=1600, form="rgb")) as pages:
        await anext(pages)
        (pid,) = pool.pids

    await until(lambda: gone(pid) and len(pool.pids) == 1)


async def test_cancelling_a_job_kills_its_worker(pool: Workers, book: bytes) -> None:
    await pool.start()
    (pid,) = pool.pids
    job = asyncio.create_task(pool.run("document.pages", book, long_side=1600, form="png"))
    await until(lambda: psutil.Process(pid).cpu_times().user > 0.3)
    job.cancel()

    with pytest.raises(asyncio.CancelledError):
        await job
    await until(lambda: gone(pid))


async def test_a_worker_waits_for_a_slow_reader(pool: Workers, book: bytes) -> None:
    async with aclosing(
        pool.stream("document.pages", book, limits=Limits(seconds=5), long_side=1600, form="rgb")
    ) as pages:
        await anext(pages)
        (pid,) = pool.pids
        await until(lambda: psutil.Process(pid).status() == psutil.STATUS_SLEEPING)
        numbers = [(await anext(pages))["number"] for _ in range(3)]

    assert numbers == [2, 3, 4]


async def test_all_results_of_a_stream_come(pool: Workers, book: bytes) -> None:
    async with aclosing(pool.stream("document.pages", book)) as pages:
        assert [page["number"] async for page in pages] == list(range(1, PAGES + 1))


async def test_closing_leaves_nothing_behind(png: Png, book: bytes) -> None:
    before = children()
    pool = Workers(size=2)
    running = asyncio.create_task(pool.run("document.pages", book, long_side=1600))
    waiting = [asyncio.create_task(pool.run("document.pages", book, long_side=1600)) for _ in range(4)]
    await until(lambda: len(pool.pids) == 2)

    await pool.aclose()
    await pool.aclose()

    ended = await asyncio.gather(running, *waiting, return_exceptions=True)
    assert {type(error) for error in ended} <= {InvalidArgument, Unavailable}
    assert children() == before
    with pytest.raises(Unavailable):
        await pool.run("image.look", png())


PARENT = """
import asyncio, sys
from geminid.media.workers import Workers

async def main():
    pool = Workers(size=1)
    await pool.start()
    print(*pool.pids, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


async def test_workers_end_when_their_parent_is_killed() -> None:
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdin=pipe, stdout=pipe)
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())

    parent.kill()
    await parent.communicate()

    await until(lambda: gone(pid))


async def test_a_worker_sees_no_environment_and_no_folder(pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINID_API_KEY", "secret")
    await pool.start()
    (pid,) = pool.pids
    worker = psutil.Process(pid)

    assert "GEMINID_API_KEY" not in worker.environ()
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/cwd").endswith(" (deleted)")


async def test_a_worker_has_no_network_where_the_kernel_allows_it(pool: Workers) -> None:
    await pool.start()
    (pid,) = pool.pids
    if os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        pytest.skip("namespaces are not allowed here")

    assert Path(f"/proc/{pid}/net/route").read_text().splitlines()[1:] == []  # noqa: ASYNC240


CONFINED = """
import os, socket, sys
from geminid.media import confinement
confinement.leave_files()
for attempt in (
    lambda: open(sys.argv[1]),
    lambda: open(sys.argv[1] + ".new", "w"),
    lambda: os.listdir(os.path.dirname(sys.argv[1])),
    lambda: os.execv("/bin/true", ["true"]),
):
    try:
        attempt()
    except PermissionError:
        continue
    sys.exit("allowed")
import wave
"""


def test_confinement_leaves_nothing_but_python(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")

    ended = subprocess.run([sys.executable, "-P", "-c", CONFINED, secret], capture_output=True, text=True)

    if ended.stderr.strip() == "allowed":
        pytest.skip("the kernel has no Landlock")
    assert ended.returncode == 0, ended.stderr
