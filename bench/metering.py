"""What a usage record costs: on the event loop, on the disk, and in requests a second.

    python bench/metering.py [--quick]

(a) Each step of recording one call, in microseconds of the event loop. (b) Appending one line to the journal, also
while another thread has the file put on the disk, and with every line put there. (c) What bringing records to
SQLite takes, which happens on other threads. (d) What a request takes with the scripted engine, server on one
core, with records and without, in turns: all of its CPU time, until the last record is in the database.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from geminid.call import Call, Principal, Stream, chain
from geminid.gates.metering import Metering
from geminid.generation import FinishReason, Usage
from geminid.storage.journal import Journal
from geminid.storage.recorder import Recorder
from geminid.storage.records import UsageRecord
from geminid.storage.sql.database import open_database
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

console = Console()


def a_call(**labels: str) -> Call:
    return Call(
        "google.cloud.aiplatform.v1.PredictionService.GenerateContent",
        GenerateContentRequest(labels=labels),
        dt.datetime.now(dt.UTC),
        "rest",
        resource="projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
        principal=Principal("me@p.iam.gserviceaccount.com", "p"),
        model="gemini-2.5-flash",
        started=time.monotonic(),
        first_token=time.monotonic(),
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
    call.finish, call.usage = FinishReason.STOP, Usage(12, 30)
    yield ANSWER


async def spent(add: Callable[[UsageRecord], None] | None, calls: int, **labels: str) -> float:
    """µs of this thread's CPU time for each call."""
    handler = chain([Metering(add)] if add else [], answers)
    made = [a_call(**labels) for _ in range(calls)]
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
    table.add_row("the gate, and making the record", f"{gate - bare:.2f}")
    table.add_row("encoding it and appending it to the journal", f"{whole - gate:.2f}")
    table.add_row("both", f"{whole - bare:.2f}")
    table.add_row("both, with three labels", f"{labelled - bare:.2f}")
    return table


def appending(lines: int, *, every: bool = False, beside: bool = False) -> list[float]:
    """µs for each line: with every one put on the disk, or with a thread that does so five times a second."""
    line, ended = b"x" * 330 + b"\n", threading.Event()
    with tempfile.NamedTemporaryFile(dir=Path(__file__).parent) as file:
        descriptor = os.open(file.name, os.O_WRONLY | os.O_APPEND)

        def sync() -> None:
            while not ended.wait(0.2):
                os.fsync(descriptor)

        thread = threading.Thread(target=sync)
        if beside:
            thread.start()
        times = []
        for _ in range(lines):
            started = time.perf_counter()
            os.write(descriptor, line)
            if every:
                os.fsync(descriptor)
            times.append(1e6 * (time.perf_counter() - started))
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
        ("appended, fsync in another thread", appending(lines, beside=True)),
        ("appended and fsync", appending(lines // 100, every=True)),
    ):
        shown = (times[int(share * len(times))] for share in (0.5, 0.99, 0.999))
        table.add_row(name, *(f"{one:.1f}" for one in (*shown, times[-1])))
    return table


async def database_cost(rounds: int) -> Table:
    """Part (c). The process does nothing else, so that its CPU time is that of the records."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "usage")
        database = await open_database(f"sqlite:///{folder}/geminid.db")
        recorder = Recorder(journal, database.usage_records)
        await recorder.start()
        for _ in range(rounds):
            await spent(recorder.add, 1_000)
        cpu, started = time.process_time(), time.perf_counter()
        await recorder.stop()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - started
        await database.aclose()
    table = Table("records", "CPU µs each", "records/s", title="(c) from the journal to SQLite")
    table.add_row(f"{1_000 * rounds:,}", f"{1e3 * cpu / rounds:.1f}", f"{1_000 * rounds / wall:,.0f}")
    return table


async def serving(requests: int, rounds: int) -> Table:
    """Part (d)."""
    request = loadgen.post(f"{PATH}:generateContent", body())
    costs: dict[str, list[float]] = {"records": [], "none": []}
    rates: dict[str, list[float]] = {"records": [], "none": []}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "geminid.toml"
        config.write_text("[usage]\nrecords = false\n")
        env = {"GEMINID_STATE": folder}
        with (
            server("--engine", "scripted", core=0, env=env) as recording,
            server("--engine", "scripted", "--config", str(config), core=0, env=env) as bare,
        ):
            for number in range(rounds + 1):
                for name, (port, process) in (("records", recording), ("none", bare)):
                    before = cpu_seconds(process)
                    load = await loadgen.run(port, request, requests=requests, connections=32)
                    await asyncio.sleep(QUIET)
                    if number:  # the first is to warm up
                        costs[name].append(1e6 * (cpu_seconds(process) - before) / requests)
                        rates[name].append(load.per_second)
    table = Table("", "CPU µs a request", "requests/s", title="(d) scripted engine, server on one core")
    for name in costs:
        cost, rate = statistics.median(costs[name]), statistics.median(rates[name])
        table.add_row(name, f"{cost:.1f}", f"{rate:,.0f}")
    cost = statistics.median(a / b - 1 for a, b in zip(costs["records"], costs["none"], strict=True))
    rate = statistics.median(1 - a / b for a, b in zip(rates["records"], rates["none"], strict=True))
    table.add_row("recording costs", f"{cost:.1%}", f"{rate:.1%}")
    return table


async def main(quick: bool) -> None:
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    console.print(await loop_cost(20 if quick else 100))
    console.print(disk_cost(10_000 if quick else 100_000))
    console.print(await database_cost(10 if quick else 50))
    console.print(await serving(2_000 if quick else 10_000, 3 if quick else 9))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, figures only to look at")
    uvloop.run(main(parser.parse_args().quick))
