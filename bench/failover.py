"""Kills, stops, slows down and spoils one of several model servers under load, and tells what callers noticed.

    python bench/failover.py                  # 8 servers, 32 callers, 24 s a fault, which lasts for half of it
    python bench/failover.py --seconds 60 --callers 128

The servers are processes of their own that say 20 words, 20 ms apart. The pool goes by its defaults. Needs nothing
but what geminid needs. One line for each fault: calls that were answered; calls without a token that failed (there
should be none); streams that had begun and broke; the longest time to a first token; how long after the fault the
replica got no more calls, and how long after its cure it was asked again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from geminid import errors
from geminid.engines.openai_http import OpenAIHTTP
from geminid.engines.pool import Pool
from geminid.engines.pool.replica import Replica
from geminid.generation import Generation, Text, Turn

SERVERS = 8
WORDS, PAUSE = 20, 0.02
FAULTS = ("killed", "stopped", "slow", "mad")


async def serve(port: int) -> None:
    """A model server. ``POST /mode`` makes it ``slow``, ``mad`` or ``ok``."""
    mode = "ok"

    async def chat(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in range(WORDS):
            await asyncio.sleep(PAUSE * 10 if mode == "slow" else PAUSE)
            last = "stop" if word == WORDS - 1 else None
            chunk = {"choices": [{"index": 0, "delta": {"content": f" {word}"}, "finish_reason": last}]}
            await response.write(
                b"data: nonsense\n\n" if mode == "mad" else f"data: {json.dumps(chunk)}\n\n".encode()
            )
        await response.write(b"data: [DONE]\n\n")
        return response

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]})

    async def change(request: web.Request) -> web.Response:
        nonlocal mode
        mode = await request.text()
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/health", models)
    app.router.add_post("/mode", change)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


class Server:
    """One of these in a process."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, __file__, "--serve", str(self.port)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def engine(self) -> OpenAIHTTP:
        return OpenAIHTTP(f"http://127.0.0.1:{self.port}/v1", "m", dialect="auto")

    async def suffer(self, fault: str) -> None:
        match fault:
            case "killed":
                self.stop()
            case "stopped":
                os.kill(self._process.pid, signal.SIGSTOP)
            case _:
                await self._mode(fault)

    async def cure(self, fault: str) -> None:
        match fault:
            case "killed":
                self.start()
            case "stopped":
                os.kill(self._process.pid, signal.SIGCONT)
            case _:
                await self._mode("ok")

    async def _mode(self, mode: str) -> None:
        async with aiohttp.request("POST", f"http://127.0.0.1:{self.port}/mode", data=mode) as answer:
            answer.raise_for_status()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Noticed:
    """By callers who ask without a pause. ``waits`` are the seconds to first tokens."""

    complete: int = 0
    failed: int = 0
    broken: int = 0
    waits: list[float] = field(default_factory=list)

    async def call_until(self, end: float, pool: Pool, caller: int) -> None:
        number = 0
        while time.monotonic() < end:
            number += 1
            await self._call(pool, Generation((Turn("user", (Text(f"caller {caller}, call {number}"),)),)))

    async def _call(self, pool: Pool, generation: Generation) -> None:
        asked, begun = time.monotonic(), False
        try:
            async for _ in pool.generate(generation):
                if not begun:
                    self.waits.append(time.monotonic() - asked)
                begun = True
        except errors.ApiError:
            self.broken += begun
            self.failed += not begun
        else:
            self.complete += 1


async def until(what: Callable[[], bool], end: float) -> float | None:
    """After how many seconds it was so; None where it never was."""
    began = time.monotonic()
    while time.monotonic() < end:
        if what():
            return time.monotonic() - began
        await asyncio.sleep(0.01)
    return None


async def one(fault: str, pool: Pool, server: Server, replica: Replica, options: argparse.Namespace) -> None:
    noticed, end = Noticed(), time.monotonic() + options.seconds
    load = asyncio.gather(*(noticed.call_until(end, pool, caller) for caller in range(options.callers)))
    await asyncio.sleep(options.seconds / 10)
    await server.suffer(fault)
    cured = time.monotonic() + options.seconds / 2
    out = await until(lambda: not replica.available, cured) if fault != "slow" else None
    await asyncio.sleep(max(0.0, cured - time.monotonic()))
    await server.cure(fault)
    back = await until(lambda: replica.available and replica.calls > 0, end) if fault != "slow" else None
    await load
    waits = sorted(noticed.waits)
    print(
        f"{fault:8} {noticed.complete:8} {noticed.failed:8} {noticed.broken:8}"
        f" {waits[len(waits) // 2] * 1000:9.0f} {waits[-1] * 1000:9.0f} {_seconds(out):>9} {_seconds(back):>9}"
    )


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


async def measure(options: argparse.Namespace) -> None:
    servers = [Server() for _ in range(SERVERS)]
    pool = Pool({str(server.port): server.engine for server in servers})
    try:
        await pool.start()
        await until(lambda: all(replica.up for replica in pool.replicas), time.monotonic() + 30)
        print("fault     answered   failed   broken  median ms   max ms   out s    back s")
        for fault in FAULTS:
            await one(fault, pool, servers[3], pool.replicas[3], options)
            await until(lambda: all(replica.available for replica in pool.replicas), time.monotonic() + 30)
    finally:
        await pool.aclose()
        for server in servers:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=24)
    parser.add_argument("--callers", type=int, default=32)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(options.serve) if options.serve else measure(options))


if __name__ == "__main__":
    main()
