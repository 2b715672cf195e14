"""``geminid serve --workers`` as processes: what happens when they die, stop, and are told to reload."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import grpc
import grpc.aio
import psutil
import pytest

from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.proto import ProtoCodec

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
BODY = b'{"contents": {"role": "user", "parts": {"text": "Hello"}}, "generationConfig": {"maxOutputTokens": 8}}'
SECONDS = 30
REQUEST = ProtoCodec("v1").encode(
    GenerateContentRequest(model=MODEL, contents=[Content(role="user", parts=[Part(text="Hello")])])
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows inherits no sockets")


@dataclass(frozen=True, slots=True)
class Serving:
    process: subprocess.Popen[str]
    port: int
    grpc_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/{MODEL}"

    @property
    def workers(self) -> list[psutil.Process]:
        """Their processes, from the oldest to the newest."""
        return sorted(psutil.Process(self.process.pid).children(), key=lambda process: process.create_time())

    def told(self, pattern: str) -> str:
        """The next line on standard error."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert re.search(pattern, line), line
        return line

    def told_at_last(self, pattern: str) -> str:
        """The next line on standard error that says this."""
        assert self.process.stderr is not None
        return next(line for line in self.process.stderr if re.search(pattern, line))

    def answer(self, url: str | None = None) -> bytes:
        with urllib.request.urlopen(f"{url or self.url}:generateContent", BODY, SECONDS) as response:
            return bytes(response.read())

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)


def command(*flags: str) -> list[str]:
    ports = ["--port", "0", "--grpc-port", "0", "--tls-port", "0"]
    return [sys.executable, "-m", "geminid", "serve", *ports, *flags]


@contextmanager
def serving(state: Path, *flags: str) -> Iterator[Serving]:
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200", "GEMINID_STATE": str(state)}
    process = subprocess.Popen(command(*flags), stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    children: list[psutil.Process] = []
    try:
        where = process.stderr.readline() + process.stderr.readline()
        assert process.stderr.readline() == "ready\n", where
        ports = re.findall(r"127\.0\.0\.1:(\d+)", where)
        served = Serving(process, int(ports[0]), int(ports[1]))
        yield served
        children = served.workers if process.poll() is None else []
    finally:
        process.kill()
        process.communicate()
        psutil.wait_procs(children, SECONDS)


def test_a_worker_that_is_killed_is_replaced_and_the_other_serves(tmp_path: Path) -> None:
    with serving(tmp_path, "--engine", "scripted", "--workers", "2") as server:
        before = server.workers
        assert len(before) == 2

        before[0].kill()

        assert b"candidates" in server.answer()
        server.told(r"ERROR geminid\.workers: worker \d ended with -9; another begins\.")
        deadline = time.monotonic() + SECONDS
        while len(set(server.workers) - set(before)) < 1 and time.monotonic() < deadline:
            server.answer()
        assert len(server.workers) == 2


def test_a_signal_drains_all_of_them(tmp_path: Path) -> None:
    script = tmp_path / "slow.json"
    script.write_text('{"answers": [{"chunks": ["one", {"text": " two", "delay_ms": 500}]}]}')
    with serving(tmp_path, "--engine", f"scripted:{script}", "--workers", "2") as server:
        workers = server.workers
        streams = [urllib.request.urlopen(f"{server.url}:streamGenerateContent?alt=sse", BODY) for _ in range(2)]
        assert all(b"one" in stream.readline() for stream in streams)

        server.process.terminate()

        assert all(b'"STOP"' in stream.read() for stream in streams)
        assert server.process.wait(SECONDS) == 0
        assert not any(worker.is_running() for worker in workers)


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    with serving(tmp_path, "--engine", "scripted", "--workers", "2") as server:
        workers = server.workers

        server.process.kill()

        assert psutil.wait_procs(workers, SECONDS)[1] == []


def configured(path: Path, answer: str) -> None:
    """A file whose engine gives this answer."""
    script = path.with_suffix(".script")
    script.write_text(f'{{"answers": [{{"chunks": ["{answer}"]}}]}}')
    path.write_text(f'engine = "scripted:{script}"\n')


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bad_file_is_refused_and_nothing_changes(tmp_path: Path, workers: str) -> None:
    config = tmp_path / "geminid.toml"
    configured(config, "old")
    with serving(tmp_path, "--config", str(config), "--workers", workers) as server:
        for bad, words in (("engine = ", "geminid.toml"), ('engine = "magic"', "'magic' is neither")):
            config.write_text(bad)
            server.reload()
            assert words in server.told("ERROR geminid.serve: The configuration is not taken over, and nothing")

        assert b"old" in server.answer()


def test_one_process_names_what_waits_for_a_restart(tmp_path: Path) -> None:
    config = tmp_path / "geminid.toml"
    configured(config, "old")
    with serving(tmp_path, "--config", str(config)) as server:
        config.write_text('engine = "scripted"\n[server]\nwait_seconds = 5\n')

        server.reload()

        server.told("WARNING .*These wait for a restart: engine, server.wait_seconds.")
        server.told("reloaded")
        assert b"old" in server.answer()


async def test_no_call_fails_while_workers_are_replaced(tmp_path: Path) -> None:
    """A few hundred, of each kind; ``bench/workers.py reload`` has thousands."""
    config = tmp_path / "geminid.toml"
    configured(config, "old")
    with serving(tmp_path, "--config", str(config), "--workers", "2") as server:
        ended = asyncio.Event()
        callers = [asyncio.create_task(calls(server, ended)) for _ in range(3)]
        for number in range(2):
            configured(config, f"new{number}")
            server.reload()
            await asyncio.to_thread(server.told, "reloaded")
        ended.set()
        answered = sum(await asyncio.gather(*callers))

        assert answered >= 100
        assert b"new1" in await asyncio.to_thread(server.answer)


async def calls(server: Serving, ended: asyncio.Event) -> int:
    """How many have been answered; raises when one was not."""
    count, target = 0, f"127.0.0.1:{server.grpc_port}"
    async with aiohttp.ClientSession() as kept, grpc.aio.insecure_channel(target) as channel:
        while not ended.is_set():
            await unary(kept, server.url)
            await rpc(channel)
            async with aiohttp.ClientSession() as fresh:
                await unary(fresh, server.url)
            async with grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as fresh_channel:
                await rpc(fresh_channel)
            count += 4
    return count


async def unary(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(f"{url}:generateContent", data=BODY) as answer:
        assert answer.status == 200
        await answer.read()


async def rpc(channel: grpc.aio.Channel) -> None:
    await channel.unary_unary("/google.cloud.aiplatform.v1.PredictionService/GenerateContent")(REQUEST)


@dataclass(slots=True)
class Caller:
    """A client at work: how often it was answered, and which of its connections, by their own ports, broke."""

    answered: int = 0
    broken: set[int] = field(default_factory=set)

    async def call(self, port: int, ended: asyncio.Event) -> None:
        """A few times on each connection. Raises where one is refused."""
        while not ended.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for _ in range(5):
                    if not await self._ask(reader, writer):
                        break
                    await asyncio.sleep(0.005)  # a light load
            except (ConnectionError, asyncio.IncompleteReadError):
                self.broken.add(writer.get_extra_info("sockname")[1])
            finally:
                writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection stays."""
        head = f"POST /v1/{MODEL}:generateContent HTTP/1.1\r\nHost: geminid\r\nContent-Length: {len(BODY)}\r\n\r\n"
        writer.write(head.encode() + BODY)
        headers = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert headers.startswith(b"http/1.1 200"), headers
        length = re.search(rb"content-length: (\d+)", headers)
        assert length
        await reader.readexactly(int(length[1]))
        self.answered += 1
        return b"connection: close" not in headers


def killed(worker: psutil.Process) -> set[int]:
    """The ports of the clients that it had, none if it has ended by itself.

    It is stopped first, and so accepts nobody who is not among them.
    """
    with suppress(psutil.NoSuchProcess):
        worker.suspend()
        while worker.status() != psutil.STATUS_STOPPED:
            pass
        clients = {connection.raddr.port for connection in worker.net_connections("tcp") if connection.raddr}
        worker.kill()
        return clients
    return set()


async def test_only_connections_of_killed_workers_break_while_all_are_replaced_again_and_again(
    tmp_path: Path,
) -> None:
    chance = random.Random(1)
    with serving(tmp_path, "--engine", "scripted", "--workers", "2") as server:
        ended, lost = asyncio.Event(), set[int]()
        callers = [Caller() for _ in range(3)]
        calling = [asyncio.create_task(caller.call(server.port, ended)) for caller in callers]
        for _ in range(3):
            server.reload()
            await asyncio.sleep(chance.uniform(0, 1.5))
            lost |= killed(chance.choice(server.workers))
            await asyncio.to_thread(
                server.told_at_last, "^reloaded|not taken over, and nothing has changed: worker"
            )
        ended.set()
        await asyncio.gather(*calling)

        assert set.union(*(caller.broken for caller in callers)) <= lost
        assert min(caller.answered for caller in callers) > 50
        while len(server.workers) != 2:  # noqa: ASYNC110 - those that retire are seen from outside alone
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[quotas]\nrequests_per_minute = 5", "[quotas] of several workers are counted in PostgreSQL"),
        ("[server]\nworkers = 1000", "workers is 1000"),
    ],
)
def test_what_workers_cannot_do_is_refused(tmp_path: Path, table: str, words: str) -> None:
    config = tmp_path / "geminid.toml"
    config.write_text(f'engine = "scripted"\n{table}\n')
    flags = ("--config", str(config), *(() if "workers" in table else ("--workers", "2")))
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "300", "GEMINID_STATE": str(tmp_path)}

    done = subprocess.run(command(*flags), capture_output=True, text=True, timeout=60, env=environment)

    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.model
def test_workers_share_one_embedded_model(tmp_path: Path) -> None:
    with serving(tmp_path, "--engine", "smollm2-135m", "--workers", "2") as server:
        children = psutil.Process(server.process.pid).children(recursive=True)
        models = [child for child in children if "geminid.engines.llama_child" in child.cmdline()]

        assert len(models) == 1
        for _ in range(4):
            assert b'"role": "model"' in server.answer()
