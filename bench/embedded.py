"""The embedded model under other settings of llama.cpp, and in openvino-genai.

    python bench/embedded.py [--only WORD]... [--rounds 3] [--weights NAME=FILE]... [--openvino PYTHON]

All variants in turns within one run, each started anew for its turn as geminid starts its child, the first as it
really does; the figures are medians. Answers are greedy and go on for 64 tokens, prompts are read anew each time
and have about 40 tokens, or 500. One variant has the weights as they are fetched, before they are converted;
``--weights`` adds the same model in yet another file. ``--openvino`` names an interpreter that has openvino-genai,
which is asked in its own process, without HTTP.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from embedded_sides import Side, llama, openvino
from geminid.engines import weights
from geminid.engines.llama_process import StartFailed

OUTPUT_TOKENS = 64
SHORT = "Write a long story about a lighthouse keeper and the sea."
LONG = " ".join(f"River {number} flows past {number * 7} villages." for number in range(40)) + " Which is longest?"
STREAMS, QUICK_STREAMS = (1, 4, 8, 16), (1, 8)
_F16 = 1
_NGRAMS = {"n-gram, simple": 6, "n-gram, map": 8, "n-gram, mod": 9, "n-gram, cache": 10}
"""Numbers of ``ggml_type`` and ``common_speculative_type``."""

AS_IT_IS = "as geminid starts it"
VARIANTS: Mapping[str, Mapping[str, object]] = {
    AS_IT_IS: {},
    "1 thread": {"cpuparams.n_threads": 1, "cpuparams_batch.n_threads": 1},
    "1 thread, 2 for prompts": {"cpuparams.n_threads": 1},
    "4 threads": {"cpuparams.n_threads": 4, "cpuparams_batch.n_threads": 4},
    "threads spin without end": {"GOMP_SPINCOUNT": "infinity"},
    "threads do not spin": {"GOMP_SPINCOUNT": "0"},
    "threads bound to cores": {"OMP_PROC_BIND": "true"},
    "higher priority": {"cpuparams.priority": 2, "cpuparams_batch.priority": 2},
    "poll 100": {"cpuparams.poll": 100, "cpuparams_batch.poll": 100},
    "batch 128": {"n_batch": 128, "n_ubatch": 128},
    "batch 512": {"n_batch": 512, "n_ubatch": 512},
    "batch 2048": {"n_batch": 2048, "n_ubatch": 2048},
    "cache f16": {"cache_type_k": _F16, "cache_type_v": _F16},
    "cache f16, no flash attention": {"cache_type_k": _F16, "cache_type_v": _F16, "flash_attn_type": 0},
    "one cache for all slots": {"kv_unified": True},
    "16 slots": {"n_parallel": 16},
    "no continuous batching": {"cont_batching": False},
    "weights not repacked": {"no_extra_bufts": True},
    "weights read, not mapped": {"load_mode": 0},
    "weights locked": {"load_mode": 2},
    "sampling in the graph": {"sampling.backend_sampling": True},
    **{name: {"speculative.types": [number]} for name, number in _NGRAMS.items()},
}

console = Console()


@dataclass(slots=True)
class Variant:
    """``start`` gives a new process of it. ``turns`` are what was measured, by the names of ``measured``."""

    name: str
    start: Callable[[], AbstractAsyncContextManager[Side]]
    turns: list[dict[str, float]] = field(default_factory=list)
    failure: str = ""

    async def turn(self, quick: bool) -> None:
        began = time.perf_counter()
        try:
            async with self.start() as side:
                started = time.perf_counter() - began
                self.turns.append({"start": started, **await measured(side, quick)})
        except (StartFailed, OSError, RuntimeError) as error:
            self.failure = str(error)

    def median(self, figure: str) -> float:
        return statistics.median(turn[figure] for turn in self.turns)


async def measured(side: Side, quick: bool) -> dict[str, float]:
    """Tokens a second (``tokens 8``, ``long 8``), seconds to the first one (``first 8``), bytes."""
    await side.ask(SHORT, 8, 2)
    figures: dict[str, float] = {}
    for count in QUICK_STREAMS if quick else STREAMS:
        short = await side.ask(SHORT, OUTPUT_TOKENS, count)
        figures[f"tokens {count}"], figures[f"first {count}"] = short.rate, short.first
    one = await side.ask(LONG, 1, 1)
    figures["prompt"] = one.prompt_tokens / one.first
    if not quick:
        figures["long 8"] = (await side.ask(LONG, OUTPUT_TOKENS, 8)).rate
    figures["alike"] = await side.alike()
    figures["memory"] = psutil.Process(side.pid).memory_info().rss
    return figures


def table(variants: Sequence[Variant], quick: bool) -> Table:
    streams, base = QUICK_STREAMS if quick else STREAMS, variants[0]
    more = ["first of 1", "first of 8", "prompt", *([] if quick else ["8 of 500"]), "memory", "start", "alike"]
    shown = Table("", *(f"{count} streams" for count in streams), "8, more", *more, title="tokens/s")
    for variant in variants:
        if variant.failure:
            shown.add_row(variant.name, f"fails: {variant.failure[:60]}")
            continue
        of = variant.median
        shown.add_row(
            variant.name, *(f"{of(f'tokens {count}'):.0f}" for count in streams),
            f"{of('tokens 8') / base.median('tokens 8') - 1:+.0%}",
            f"{1e3 * of('first 1'):.0f} ms", f"{1e3 * of('first 8'):.0f} ms", f"{of('prompt'):.0f}",
            *([] if quick else [f"{of('long 8'):.0f}"]), f"{of('memory') / 1e6:.0f} MB", f"{of('start'):.1f} s",
            "yes" if all(turn["alike"] for turn in variant.turns) else "no",
        )  # fmt: skip
    return shown


def chosen(arguments: argparse.Namespace) -> list[Variant]:
    """The first is the one that the others are compared with."""
    model = weights.CATALOGUE["smollm2-135m"]
    path, fetched = weights.cached(model), weights.cached(replace(model, conversion=None))
    if path is None or fetched is None or path == fetched:
        sys.exit("Both files are needed, as fetched and converted: geminid models pull smollm2-135m")
    every = [Variant(name, functools.partial(llama, path, settings)) for name, settings in VARIANTS.items()]
    every.append(Variant("weights as fetched", functools.partial(llama, fetched, {})))
    for given in arguments.weights:
        name, _, file = given.partition("=")
        every.append(Variant(f"weights {name}", functools.partial(llama, Path(file), {})))
    if arguments.openvino:
        every.append(Variant("openvino-genai", functools.partial(openvino, fetched, arguments.openvino)))
    words = arguments.only
    return [every[0], *(one for one in every[1:] if not words or any(word in one.name for word in words))]


async def main(arguments: argparse.Namespace) -> None:
    variants = chosen(arguments)
    for number in range(arguments.rounds):
        for variant in variants if number % 2 else reversed(variants):
            await variant.turn(arguments.quick)
    if variants[0].failure:
        sys.exit(f"{AS_IT_IS}, it fails: {variants[0].failure}")
    console.print(f"{os.cpu_count()} cores, {arguments.rounds} rounds")
    console.print(table(variants, arguments.quick))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="variants with this in their name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="1 and 8 streams of short prompts only")
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--openvino", metavar="PYTHON", help="an interpreter that has openvino-genai")
    uvloop.run(main(parser.parse_args()))
