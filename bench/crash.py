"""Kills a server under load at random moments, again and again, and looks whether all it answered is there.

    python bench/crash.py [--database postgresql://geminid@127.0.0.1/scratch] [--rounds 200] [--seed 1]

Without ``--database`` the server has a SQLite file. In each round clients create caches, small ones and such that
become blobs, use them, delete them, and generate; then the server ends by SIGKILL. Started again, it must have
every cache whose creation was answered, and none whose deletion was; and of every call that was answered whole
there must be exactly one usage record, and never two of any. At the end no blob may be left that no cache names.
Exits with 1 when something is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import track

from geminid.build.stores import blobs_of
from geminid.settings import Storage
from geminid.storage.sql.database import open_database

PARENT = "projects/p/locations/l"
MODEL = f"{PARENT}/publishers/google/models/gemini-2.5-flash"
CLIENTS = 16
LOOKED_AFTER = 10
SMALL, LARGE = "A book about rivers. " * 20, "A large book about rivers. " * 12_000
LONGEST_SECONDS = 1.5

console = Console()


@dataclass(slots=True)
class Answered:
    """What clients were told, over all rounds. ``calls`` are labels."""

    created: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    @property
    def alive(self) -> list[str]:
        return sorted(self.created - self.deleted - self.doubtful)


class Server:
    """``geminid serve``, and how to ask it."""

    def __init__(self, config: Path, session: aiohttp.ClientSession) -> None:
        self._config = config
        self._session = session
        self._process: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self._base = ""

    async def start(self) -> None:
        command = [sys.executable, "-m", "geminid", "serve", "--config", str(self._config)]
        self._process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        said = []
        assert self._process.stderr is not None
        while line := (await self._process.stderr.readline()).decode():
            said.append(line)
            if found := re.search(r"http://\S+?:(\d+)", line):
                self._base = f"http://127.0.0.1:{found[1]}/v1/"
            if line.startswith("ready"):
                self._log = asyncio.create_task(self._read(self._process.stderr))
                return
        raise RuntimeError("".join(said))

    async def end(self, how: signal.Signals) -> None:
        assert self._process is not None
        assert self._log is not None
        self._process.send_signal(how)
        await self._process.wait()
        await self._log

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Raises aiohttp.ClientError where the answer does not come through whole."""
        async with self._session.request(method, self._base + path, json=body) as response:
            return response.status, json.loads(await response.read())

    async def _read(self, log: asyncio.StreamReader) -> None:
        while await log.readline():
            pass


class Client:
    """Asks one thing after another until the server is gone."""

    def __init__(self, server: Server, answered: Answered, tag: str, chance: random.Random) -> None:
        self._server = server
        self._answered = answered
        self._labels = (f"{tag}-{number}" for number in itertools.count())
        self._chance = chance
        self._mine: list[str] = []

    async def run(self) -> None:
        does: list[Callable[[], Awaitable[None]]] = [self._generate, self._stream, self._create, self._delete]
        with suppress(aiohttp.ClientError, json.JSONDecodeError):
            while True:
                await self._chance.choices(does, (4, 3, 2, 1))[0]()

    async def _generate(self) -> None:
        label = next(self._labels)
        status, answer = await self._server.ask("POST", f"{MODEL}:generateContent", self._body(label))
        self._expect(status == 200 and "usageMetadata" in answer, f"generateContent: {status} {answer}")
        self._answered.calls.add(label)

    async def _stream(self) -> None:
        label = next(self._labels)
        status, chunks = await self._server.ask("POST", f"{MODEL}:streamGenerateContent", self._body(label))
        self._expect(status == 200 and "usageMetadata" in chunks[-1], f"streamGenerateContent: {status} {chunks}")
        self._answered.calls.add(label)

    async def _create(self) -> None:
        text = self._chance.choices((SMALL, LARGE), (4, 1))[0]
        content = {"model": MODEL, "contents": [{"role": "user", "parts": [{"text": text}]}]}
        status, cache = await self._server.ask("POST", f"{PARENT}/cachedContents", content)
        self._expect(status == 200, f"create: {status} {cache}")
        self._answered.created.add(cache["name"])
        self._mine.append(cache["name"])

    async def _delete(self) -> None:
        if self._mine:
            name = self._mine.pop(0)
            self._answered.doubtful.add(name)
            status, answer = await self._server.ask("DELETE", name)
            self._expect(status == 200, f"delete: {status} {answer}")
            self._answered.deleted.add(name)

    def _body(self, label: str) -> dict[str, Any]:
        cached = {"cachedContent": self._chance.choice(self._mine)} if self._mine else {}
        return {
            "contents": [{"role": "user", "parts": [{"text": "What is it about?"}]}],
            "labels": {"call": label},
            **cached,
        }

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self._answered.faults.append(otherwise)


async def one_round(server: Server, answered: Answered, number: int, chance: random.Random) -> None:
    await server.start()
    clients = [Client(server, answered, f"{number}-{one}", chance) for one in range(CLIENTS)]
    running = [asyncio.create_task(client.run()) for client in clients]
    await asyncio.wait(running, timeout=chance.uniform(0.02, LONGEST_SECONDS))
    await server.end(signal.SIGKILL)
    await asyncio.gather(*running)


async def look(server: Server, answered: Answered) -> None:
    """Asks for all that must be there, and for all that must not."""
    await server.start()
    turns = asyncio.Semaphore(CLIENTS)

    async def has(name: str, wanted: bool) -> None:
        body = {"contents": [{"role": "user", "parts": [{"text": "?"}]}], "cachedContent": name}
        async with turns:
            status, _ = await server.ask("POST", f"{MODEL}:generateContent", body)
        if status != (200 if wanted else 404):
            answered.faults.append(f"{name}, which {'was created' if wanted else 'was deleted'}: {status}")

    names = [(name, True) for name in answered.alive] + [(name, False) for name in sorted(answered.deleted)]
    await asyncio.gather(*(has(name, wanted) for name, wanted in names))
    await server.end(signal.SIGTERM)


async def check_records(url: str, answered: Answered) -> None:
    """After the server has ended in peace, which writes the last of them."""
    database = await open_database(url)
    records: Counter[str] = Counter()
    async for batch in database.usage_records.read():
        records.update(record.labels["call"] for record in batch if "call" in record.labels)
    await database.aclose()
    answered.faults += [f"call {label} has no usage record" for label in answered.calls - records.keys()]
    answered.faults += [f"call {label} has {count} usage records" for label, count in records.items() if count > 1]


async def check_blobs(url: str, storage: Storage, answered: Answered) -> int:
    """How many there are."""
    database = await open_database(url)
    blobs = blobs_of(storage, url)
    assert blobs is not None
    await blobs.open()
    there, named = set(await blobs.names()), set(await database.cached_contents.blobs())
    await blobs.aclose()
    await database.aclose()
    answered.faults += [
        f"{len(one)} blobs {how}" for one, how in ((there - named, "of no cache"), (named - there, "lost")) if one
    ]
    return len(there)


async def measure(rounds: int, seed: int, database: str, folder: Path) -> Answered:
    storage = Storage(url=database, blobs=str(folder / "blobs") if database else "")
    config = folder / "geminid.toml"
    config.write_text(
        'engine = "scripted"\n[server]\nport = 0\ngrpc_port = 0\ntls_port = 0\n'
        f"[storage]\nurl = {json.dumps(storage.url)}\nblobs = {json.dumps(storage.blobs)}\n"
    )
    url = database or f"sqlite:///{folder / 'geminid.db'}"
    answered, chance = Answered(), random.Random(seed)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        server = Server(config, session)
        for number in track(range(1, rounds + 1), "rounds", console=console, transient=True):
            await one_round(server, answered, number, chance)
            if number % LOOKED_AFTER == 0 or number == rounds:
                await look(server, answered)
                await check_records(url, answered)
            if answered.faults:
                break
    blobs = await check_blobs(url, storage, answered)
    console.print(
        f"{number} rounds: {len(answered.created)} caches created, {len(answered.deleted)} deleted, "
        f"{blobs} blobs, {len(answered.calls)} calls answered; {len(answered.faults)} faults"
    )
    return answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GEMINID_STATE"] = folder
        answered = asyncio.run(measure(arguments.rounds, arguments.seed, arguments.database, Path(folder)))
    for fault in answered.faults[:20]:
        console.print(fault)
    sys.exit(1 if answered.faults else 0)


if __name__ == "__main__":
    main()
