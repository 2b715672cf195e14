"""What a cache saves: the time to the first token with a cached prefix and without, and what it takes on disk.

    python bench/prefixes.py [--tokens 2000] [--caches 20]

The embedded engine behind a server of its own, asked over REST: prompts that are new, prompts behind a cache, many
caches in turn, and all that after the child was killed and after the server was started anew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import track
from rich.table import Table

from watched import Server, configured, serving

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
PARENT = "projects/p/locations/l"
ASK = {"contents": [{"role": "user", "parts": [{"text": "What is it about?"}]}]}
SAMPLES = 3

console = Console()


class Client:
    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self._base = f"http://127.0.0.1:{server.port}/v1/"
        self._session = session

    async def first_token(self, **body: object) -> float:
        """Seconds until the first chunk of a stream."""
        whole = {**ASK, "generationConfig": {"maxOutputTokens": 4, "temperature": 0}, **body}
        began = time.perf_counter()
        async with self._session.post(
            f"{self._base}{MODEL}:streamGenerateContent?alt=sse", json=whole
        ) as response:
            response.raise_for_status()
            await response.content.readany()
            took = time.perf_counter() - began
            await response.read()
            return took

    async def cache(self, text: str) -> str:
        """The name of a new cache."""
        content = {"model": MODEL, "contents": [{"role": "user", "parts": [{"text": text}]}]}
        async with self._session.post(f"{self._base}{PARENT}/cachedContents", json=content) as response:
            response.raise_for_status()
            return str((await response.json())["name"])


@contextlib.asynccontextmanager
async def client(server: Server) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield Client(server, session)


def text(number: int, tokens: int) -> str:
    """About so many tokens. No two begin alike."""
    return f"{number:04} is the book: " + "river stone " * (tokens // 2)


def uncached(number: int, tokens: int) -> dict[str, object]:
    return {"contents": [{"role": "user", "parts": [{"text": text(number, tokens) + " What is it about?"}]}]}


def kill_child(server: Server) -> None:
    """Returns when another one is there."""
    (child,) = server.children("engine")
    child.kill()
    server.wait_for(lambda: any(one.pid != child.pid for one in server.children("engine")))
    server.wait_for(lambda: server.logged("starting it again"))


async def measure(tokens: int, caches: int, folder: Path) -> Table:
    table = Table("time to the first token", "median s", "most s", "of uncached", box=None)
    config = configured(folder, "llama")
    with serving(config) as server:
        async with client(server) as asking:
            cold = [await asking.first_token(**uncached(1000 + number, tokens)) for number in range(SAMPLES)]
            half = statistics.median(cold)

            def row(what: str, took: Sequence[float]) -> None:
                middle = statistics.median(took)
                table.add_row(what, f"{middle:.3f}", f"{max(took):.3f}", f"{middle / half:.3f}")

            row("uncached", cold)
            names = [
                await asking.cache(text(number, tokens))
                for number in track(range(caches), "creating caches", console=console, transient=True)
            ]
            row("one cache", [await asking.first_token(cachedContent=names[-1]) for _ in range(SAMPLES)])
            row(
                f"{caches} caches in turn, twice",
                [await asking.first_token(cachedContent=name) for name in names * 2],
            )
            kill_child(server)
            row("the child was killed, its start included", [await asking.first_token(cachedContent=names[0])])
            row("after that, another cache", [await asking.first_token(cachedContent=names[1])])
    with serving(config) as server:
        async with client(server) as asking:
            row("the server was started anew", [await asking.first_token(cachedContent=names[0])])
            row(f"{caches} caches in turn", [await asking.first_token(cachedContent=name) for name in names])
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--caches", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["GEMINID_STATE"] = name
        console.print(asyncio.run(measure(arguments.tokens, arguments.caches, folder)))
        states = [file.stat().st_size for file in folder.rglob("*.state")]
        console.print(f"on disk: {len(states)} states, {sum(states) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
