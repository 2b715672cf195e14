"""What guarding costs: answers of the embedded model with the embedded rater and an index of 10 MB, and without.

Both are asked in turn, in one run, without the network: what is compared is the service alone.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from geminid.build.engines import registry_of
from geminid.build.media import understanding_of
from geminid.build.safety import guard_of, works_of
from geminid.call import Call
from geminid.citations.library import Details, Library
from geminid.service.generative import PredictionService
from geminid.service.judges import Judges
from geminid.settings import Citations, Safety, Settings
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest, GenerationConfig

TOKENS = 200
MEGABYTES = 10
MODEL = "publishers/google/models/gemini-1.5-flash-001"


class Quiet:
    """Hears how the index is built."""

    def start(self, label: str, total: int | None, done: int) -> None: ...
    def advance(self, amount: int) -> None: ...
    def note(self, text: str) -> None: ...


def build_index(folder: Path) -> None:
    chance = random.Random(7)
    words = ["".join(chance.choices("aeionrtlsu", k=chance.randint(2, 9))) for _ in range(20_000)]
    text = folder / "text.txt"
    with text.open("w") as file:
        while file.tell() < MEGABYTES * 1_000_000:
            file.write(" ".join(chance.choices(words, k=1000)) + "\n")
    Library(folder / "index").add([str(text)], Details(), Quiet())


async def ask(service: PredictionService, seed: int) -> tuple[float, float, float]:
    """Tokens a second, seconds to the first text, and the longest wait between two chunks."""
    request = GenerateContentRequest(
        model=MODEL,
        contents=[Content(role="user", parts=[Part(text="Tell a long story about a lighthouse keeper.")])],
        generation_config=GenerationConfig(max_output_tokens=TOKENS, seed=seed, temperature=1.0),
    )
    call = Call("Stream", request, dt.datetime.now(dt.UTC), "bench")
    began = last = time.perf_counter()
    first, longest, tokens = 0.0, 0.0, 0
    async for chunk in service.stream_generate_content(call):
        now = time.perf_counter()
        if not first:
            first = now - began
        else:
            longest = max(longest, now - last)
        last = now
        if chunk.usage_metadata is not None:  # type: ignore[attr-defined]
            tokens = chunk.usage_metadata.candidates_token_count  # type: ignore[attr-defined]
    return tokens / (last - began), first, longest


async def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_index(folder)
        settings = Settings()
        registry, understanding = registry_of(settings), understanding_of(settings, {})
        engine = registry.fallback
        await engine.start()
        await engine.wait_ready()
        works = works_of(Citations(), folder / "index")
        await works.open()
        services = {
            "plain": Judges(guard_of(Safety(rater="none"), {}), works_of(Citations(), folder / "nothing")),
            "guarded and cited": Judges(guard_of(Safety(), {}), works),
        }
        found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in services}
        for seed in range(rounds):
            for kind, judges in services.items():
                found[kind].append(await ask(PredictionService(registry, understanding, judges), seed))
        await engine.aclose()
        await understanding.aclose()
    show(found)


def show(found: dict[str, list[tuple[float, float, float]]]) -> None:
    table = Table(title=f"{len(found['plain'])} answers of {TOKENS} tokens by the embedded model")
    for column in ("", "tokens/s", "first text", "longest wait between chunks"):
        table.add_column(column)
    for kind, rows in found.items():
        rate, first, longest = (statistics.median(column) for column in zip(*rows, strict=True))
        table.add_row(kind, f"{rate:.1f}", f"{first * 1e3:.0f} ms", f"{longest * 1e3:.0f} ms")
    Console(width=100).print(table)
    shares = [with_[0] / without[0] for without, with_ in zip(*found.values(), strict=True)]
    Console().print(f"guarded / plain, tokens/s, median of pairs: {statistics.median(shares):.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three answers of each instead of twelve")
    asyncio.run(main(3 if parser.parse_known_args()[0].quick else 12))
