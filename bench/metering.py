"""What a usage record costs: on the event loop, on the disk, in the database, and in requests a second.

    python bench/metering.py [--quick] [--postgresql URL]

(a) Each step of recording one call, in microseconds of the event loop. (b) Appending a line to the journal: one
write for each, one for 32, beside a thread that has the file put on the disk, and with every line put there.
(c) What bringing records to the database takes, which happens on other threads. (d) What a call takes in process,
from its body to the body of its answer. (e) What a request takes over sockets, server on one core. (d) and (e) are
with the scripted engine, with records and without, in turns within one run: all CPU time of the process, until the
last record is in the database, and for (e) requests a second. Records go to SQLite, or to the empty database of
the URL.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from geminid.app import App
from geminid.call import Call, Handler, Principal, Stream, chain
from geminid.gates.observe import Observe
from geminid.generation import FinishReason, Usage
from geminid.settings import Server, Settings, Storage
from geminid.settings import Usage as Recording
from geminid.storage.journal import Journal
from geminid.storage.recorder import Recorder
from geminid.storage.records import UsageRecord
from geminid.storage.sql.database import open_database
from geminid.wire import json, routes
from geminid.wire.generation import (
    GenerateContentRequest,
    GenerateContentResponse,
    Modality,
    ModalityTokenCount,
    UsageMetadata,
)
from overhead import PATH, body, cpu_seconds, server

QUIET = 1.5
"""Seconds after a run in which the last of its records are brought to the database."""

BODY = body()
MODEL = PATH.removeprefix("/v1/")

console = Console()


def a_call(request: GenerateContentRequest) -> Call:
    return Call(
        "google.cloud.aiplatform.v1.PredictionService.GenerateContent",
        request,
        dt.datetime.now(dt.UTC),
        "rest",
        resource=MODEL,
        principal=Principal("me@p.iam.gserviceaccount.com", "p"),
        model="gemini-2.5-flash",
        started=time.monotonic(),
    )


ANSWER = GenerateContentResponse(
    usage_metadata=UsageMetadata(
        prompt_token_count=12,
        candidates_token_count=30,
        total_token_count=42,
        prompt_tokens_details=[ModalityTokenCount(modality=Modality.TEXT, token_count=12)],
        candidates_tokens_details=[ModalityTokenCount(modality=Modality.TEXT, token_count=30)],
    )
)


async def answers(call: Call) -> Stream:
    call.finish, call.usage, call.first_token = FinishReason.STOP, Usage(12, 30), time.monotonic()
    yield ANSWER


async def spent(add: Callable[[UsageRecord], None] | None, calls: int, **labels: str) -> float:
    """µs of this thread's CPU time for each call."""
    handler = chain([Observe(add)], answers)
    made = [a_call(GenerateContentRequest(labels=labels)) for _ in range(calls)]
    started = time.thread_time()
    for call in made:
        async for _ in handler(call):
            pass
    return 1e6 * (time.thread_time() - started) / calls


async def loop_cost(rounds: int) -> Table:
    """Part (a). Rounds of all four in turn, and the median of each, so that a busy machine is busy for all."""
    times: list[list[float]] = []
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        journal.put(journal.create())
        for _ in range(rounds):
            times.append(
                [
                    await spent(None, 1_000),
                    await spent(lambda record: None, 1_000),
                    await spent(journal.append, 1_000),
                    await spent(journal.append, 1_000, team="research", environment="production", part="search"),
                ]
            )
        if (segment := journal.put(None)) is not None:
            segment.remove()
    bare, gate, whole, labelled = (statistics.median(column) for column in zip(*times, strict=True))
    table = Table("step", "µs a call", title="(a) on the event loop")
    table.add_row("making the record", f"{gate - bare:.2f}")
    table.add_row("encoding it and appending it to the journal", f"{whole - gate:.2f}")
    table.add_row("both", f"{whole - bare:.2f}")
    table.add_row("both, with three labels", f"{labelled - bare:.2f}")
    return table


def appending(lines: int, *, at_once: int = 1, every: bool = False, beside: bool = False) -> list[float]:
    """µs for each line: with every one put on the disk, or with a thread that does so five times a second."""
    written, ended = (b"x" * 205 + b"\n") * at_once, threading.Event()
    with tempfile.NamedTemporaryFile(dir=Path(__file__).parent) as file:
        descriptor = os.open(file.name, os.O_WRONLY | os.O_APPEND)

        def sync() -> None:
            while not ended.wait(0.2):
                os.fsync(descriptor)

        thread = threading.Thread(target=sync)
        if beside:
            thread.start()
        times = []
        for _ in range(lines // at_once):
            started = time.perf_counter()
            os.write(descriptor, written)
            if every:
                os.fsync(descriptor)
            times.append(1e6 * (time.perf_counter() - started) / at_once)
        ended.set()
        if beside:
            thread.join()
        os.close(descriptor)
    return sorted(times)


def disk_cost(lines: int) -> Table:
    """Part (b)."""
    table = Table("how", "p50", "p99", "p99.9", "longest", title="(b) one line of the journal, µs")
    for name, times in (
        ("appended", appending(lines)),
        ("appended, 32 in one write", appending(lines, at_once=32)),
        ("appended, fsync in another thread", appending(lines, beside=True)),
        ("appended and fsync", appending(lines // 100, every=True)),
    ):
        shown = (times[int(share * len(times))] for share in (0.5, 0.99, 0.999))
        table.add_row(name, *(f"{one:.1f}" for one in (*shown, times[-1])))
    return table


async def database_cost(rounds: int, url: str) -> Table:
    """Part (c). The process does nothing else, so that its CPU time is that of the records."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "usage")
        database = await open_database(url or f"sqlite:///{folder}/geminid.db")
        recorder = Recorder(journal, database.usage_records)
        await recorder.start()
        for _ in range(rounds):
            await spent(recorder.add, 1_000)
        cpu, started = time.process_time(), time.perf_counter()
        await recorder.stop()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - started
        await database.aclose()
    table = Table("records", "CPU µs each", "records/s", title="(c) from the journal to the database")
    table.add_row(f"{1_000 * rounds:,}", f"{1e3 * cpu / rounds:.1f}", f"{1_000 * rounds / wall:,.0f}")
    return table


@dataclass(slots=True)
class Turns:
    """Figures with records and without, which were taken in turns."""

    recording: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)

    def median(self, recording: bool) -> float:
        return statistics.median(self.recording if recording else self.bare)

    def mean(self, recording: bool) -> float:
        """Without the tenth at either end, in which something else had the machine."""
        figures = sorted(self.recording if recording else self.bare)
        cut = len(figures) // 10
        return statistics.fmean(figures[cut : len(figures) - cut])

    @property
    def difference(self) -> float:
        """What recording adds to the mean, as a share."""
        return self.mean(True) / self.mean(False) - 1

    @property
    def more(self) -> float:
        """The median of what recording adds in each turn, as a share."""
        return statistics.median(a / b - 1 for a, b in zip(self.recording, self.bare, strict=True))


@contextlib.asynccontextmanager
async def app(folder: str, settings: Settings) -> AsyncIterator[Handler]:
    """A server in this process: its way from a call to the answer."""
    made = App(settings, Path(folder))
    await made.start()
    yield made._handlers()[routes.GENERATE_CONTENT]
    await made.stop()


async def calls(handler: Handler, count: int) -> None:
    """From body to body, as a door does it."""
    for _ in range(count):
        request = json.decode(GenerateContentRequest, BODY, "v1")
        request.model = MODEL
        call = a_call(request)
        async for answer in handler(call):
            json.encode(answer)


async def in_process(turns: int, url: str) -> Table:
    """Part (d). Turns are short, since other work on the machine comes and goes: a hundred calls each.

    What other threads than the loop's do is all recording.
    """
    settings = [
        Settings(
            engine="scripted",
            server=Server(port=0, grpc_port=0, tls_port=0),
            storage=Storage(url=url),
            usage=Recording(records=records),
        )
        for records in (True, False)
    ]
    costs = Turns()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        async with app(one, settings[0]) as recording, app(other, settings[1]) as bare:
            for handler in (recording, bare):
                await calls(handler, 1_000)
            await asyncio.sleep(QUIET)
            threads = time.process_time() - time.thread_time()
            for _ in range(turns):
                for handler, figures in ((recording, costs.recording), (bare, costs.bare)):
                    before = time.thread_time()
                    await calls(handler, 100)
                    figures.append(1e4 * (time.thread_time() - before))
            await asyncio.sleep(QUIET)
            threads = 1e4 * (time.process_time() - time.thread_time() - threads) / turns
    loop, without = costs.median(True), costs.median(False)
    table = Table("", "CPU µs a call", title="(d) scripted engine, in process")
    table.add_row("records: on the loop", f"{loop:.1f}")
    table.add_row("records: on other threads", f"{threads:.1f}")
    table.add_row("none", f"{without:.1f}")
    table.add_row("recording costs", f"{costs.more + threads / without:.1%}")
    return table


async def serving(requests: int, starts: int, url: str) -> Table:
    """Part (e). Both servers are started anew again and again: how a process lies in memory alone makes several
    percent. A run is long enough for the records of its beginning to be brought to the database within it."""
    request = loadgen.post(f"{PATH}:generateContent", BODY)
    costs, rates = Turns(), Turns()
    with tempfile.TemporaryDirectory() as folder:
        configs = [Path(folder) / name for name in ("records.toml", "bare.toml")]
        configs[0].write_text(f'[storage]\nurl = "{url}"\n')
        configs[1].write_text("[usage]\nrecords = false\n")
        for start in range(starts):
            env = {"GEMINID_STATE": f"{folder}/{start}"}
            with (
                server("--engine", "scripted", "--config", str(configs[0]), core=0, env=env) as recording,
                server("--engine", "scripted", "--config", str(configs[1]), core=0, env=env) as bare,
            ):
                turns = [(recording, costs.recording, rates.recording), (bare, costs.bare, rates.bare)]
                for (port, process), cost, rate in turns if start % 2 else reversed(turns):
                    await loadgen.run(port, request, requests=1_000, connections=32)
                    await asyncio.sleep(QUIET)
                    before = cpu_seconds(process)
                    load = await loadgen.run(port, request, requests=requests, connections=32)
                    await asyncio.sleep(QUIET)
                    cost.append(1e6 * (cpu_seconds(process) - before) / requests)
                    rate.append(load.per_second)
    table = Table("", "CPU µs a request", "requests/s", title="(e) scripted engine, server on one core")
    table.add_row("records", f"{costs.mean(True):.1f}", f"{rates.mean(True):,.0f}")
    table.add_row("none", f"{costs.mean(False):.1f}", f"{rates.mean(False):,.0f}")
    table.add_row("recording costs", *(f"{share:.1%}" for share in (costs.difference, -rates.difference)))
    return table


async def main(quick: bool, url: str) -> None:
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    console.print(await loop_cost(20 if quick else 100))
    console.print(disk_cost(10_000 if quick else 100_000))
    console.print(await database_cost(10 if quick else 50, url))
    console.print(await in_process(100 if quick else 500, url))
    console.print(await serving(4_000 if quick else 15_000, 4 if quick else 20, url))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, figures only to look at")
    parser.add_argument("--postgresql", metavar="URL", default="")
    options = parser.parse_args()
    uvloop.run(main(options.quick, options.postgresql))
