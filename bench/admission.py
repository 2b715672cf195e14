"""What overload does to a server, with admission and without: goodput, and how fast it refuses.

    python bench/admission.py [--quick]

The scripted engine behind a fixed number of slots, as a real engine has, on one core; on the other, clients who
come at random, whether or not others were answered, and go after a second. Goodput is answers a second that were
in time. Without admission calls queue before the slots for as long as their clients stay.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from geminid.call import Call, Handler, Stream, chain
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.rest import RestDoor
from geminid.engines.script import Answer, Script
from geminid.engines.scripted import Scripted
from geminid.gates.admission import Admission
from geminid.gates.lanes import Lane
from geminid.gemini.profiles import Catalogue
from geminid.gemini.request import to_generation
from geminid.generation import Delta
from geminid.wire import routes
from geminid.wire.content import Content, Part
from geminid.wire.generation import Candidate, GenerateContentRequest, GenerateContentResponse

SLOTS, SERVICE_MS = 8, 80
CAPACITY = SLOTS * 1000 / SERVICE_MS
PATIENCE = 1.0
"""Seconds after which a client goes."""
WAITING = 4 * SLOTS
PATH = "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent"
REQUEST = loadgen.post(PATH, b'{"contents":[{"role":"user","parts":[{"text":"Hello?"}]}]}')


def answering() -> Handler:
    """As the service does it, with one engine that has so many slots and a queue that nobody bounds."""
    engine = Scripted(Script(answers=[Answer(chunks=["Hello."], first_delay_ms=SERVICE_MS)]))
    slots = asyncio.Semaphore(SLOTS)
    model = Catalogue().find("gemini-2.5-flash")
    assert model is not None

    async def answers(call: Call) -> Stream:
        assert isinstance(call.request, GenerateContentRequest)
        generation = to_generation(call.request, model.profile, engine.capabilities)
        async with call.turn, slots:
            events = [event async for event in engine.generate(generation)]
        text = "".join(event.text for event in events if isinstance(event, Delta))
        yield GenerateContentResponse(
            candidates=[Candidate(content=Content(role="model", parts=[Part(text=text)]))]
        )

    return answers


async def serve(admission: bool) -> None:
    """Runs until it is terminated; prints its port."""
    lane = Lane(lambda: SLOTS, waiting=WAITING, seconds=PATIENCE)
    handler = chain([Admission(lambda call: lane)] if admission else [], answering())
    door = RestDoor({routes.GENERATE_CONTENT: handler}, request_bytes=1 << 20)
    listener = Listener(door, host="127.0.0.1", port=0, limits=Limits(), drain_seconds=0.1)
    await listener.start()
    print(listener.port, flush=True)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    await listener.stop()


@contextlib.contextmanager
def server(admission: bool) -> Iterator[int]:
    flag = ["--serve", "with" if admission else "without"]
    process = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, __file__, *flag], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


@dataclass(slots=True)
class Crowd:
    """Clients who come at ``rate`` a second. Times of answers are in seconds, by their status."""

    port: int
    rate: float
    times: dict[int, list[float]] = field(default_factory=dict)
    gone: int = 0
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def come(self, seconds: float) -> None:
        clock = random.Random(1)
        due = time.perf_counter()
        end = due + seconds
        async with asyncio.TaskGroup() as group:
            while due < end:
                due += clock.expovariate(self.rate)
                if (ahead := due - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                group.create_task(self._ask(due))
        for _, writer in self._idle:
            writer.close()

    async def _ask(self, due: float) -> None:
        """Times count from when the client meant to come, so that a slow generator hides nothing."""
        connection = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(PATIENCE):
                status = await _exchange(*connection)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            self.gone += 1
            connection[1].close()
            return
        self.times.setdefault(status, []).append(time.perf_counter() - due)
        self._idle.append(connection)

    def percentile(self, status: int, share: float) -> str:
        times = sorted(self.times.get(status, []))
        return f"{1e3 * times[min(len(times) - 1, int(share * len(times)))]:.0f} ms" if times else "-"


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    writer.write(REQUEST)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def main(quick: bool) -> None:
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    seconds = 4.0 if quick else 15.0
    table = Table(
        "admission", "load", "goodput", "p50", "p99", "refused", "p99 of refused", "went away",
        title=f"{SLOTS} slots of {SERVICE_MS} ms: at most {CAPACITY:.0f} answers/s",
    )  # fmt: skip
    for admission in (False, True):
        for load in (0.8, 1.0, 2.0, 10.0):
            with server(admission) as port:
                crowd = Crowd(port, load * CAPACITY)
                await crowd.come(seconds)
            counts = Counter({status: len(times) for status, times in crowd.times.items()})
            table.add_row(
                "with" if admission else "without", f"{load:g} x", f"{counts[200] / seconds:.0f}/s",
                crowd.percentile(200, 0.5), crowd.percentile(200, 0.99), f"{counts[503] / seconds:.0f}/s",
                crowd.percentile(503, 0.99), f"{crowd.gone / seconds:.0f}/s",
            )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter runs, figures only to look at")
    parser.add_argument("--serve", choices=["with", "without"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.serve == "with") if arguments.serve else main(arguments.quick))
