"""What promises cost on the embedded model: a schema, a call, log probabilities, and several candidates at once.

    python bench/constraints.py [--quick]

(a) Time to the first text and tokens a second of a stream, free and constrained in several ways, in turns within
one run, so that a noisy machine is noisy for all. (b) ``candidateCount`` 4 against four calls, one after the other
and at once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import time
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from overhead import PATH, server

TOKENS = re.compile(rb'"candidatesTokenCount": (\d+)')
QUESTION = "Write about a lighthouse keeper and the sea: a long story with names, dates and places."
TEXT = {"type": "STRING", "minLength": "400", "maxLength": "500"}
PERSON = {
    "type": "OBJECT",
    "properties": {
        "name": {"type": "STRING", "pattern": "^[A-Z][a-z]{3,11}$"},
        "born": {"type": "STRING", "format": "date"},
        "rank": {"type": "STRING", "enum": ["keeper", "captain", "sailor"]},
        "age": {"type": "INTEGER", "minimum": 18, "maximum": 99},
    },
    "required": ["name", "born", "rank", "age"],
}
CREW = {
    "type": "OBJECT",
    "properties": {"crew": {"type": "ARRAY", "items": PERSON, "minItems": "3", "maxItems": "3"}},
    "required": ["crew"],
}


def schema(value: dict[str, Any]) -> dict[str, Any]:
    return {"responseMimeType": "application/json", "responseSchema": value}


VARIANTS: dict[str, dict[str, Any]] = {
    "free text": {},
    "free text, 5 logprobs a token": {"responseLogprobs": True, "logprobs": 5},
    "schema: one long string": schema(TEXT),
    "schema: three objects of four fields": schema(CREW),
}

console = Console()


def request(method: str, config: dict[str, Any], **fields: Any) -> bytes:
    body = {
        "contents": [{"role": "user", "parts": [{"text": QUESTION}]}],
        "generationConfig": {"maxOutputTokens": 128, "temperature": 1, **config},
        **fields,
    }
    return loadgen.post(f"{PATH}:{method}", json.dumps(body).encode())


async def constraints(port: int, rounds: int) -> Table:
    """Part (a)."""
    table = Table("answer", "first text", "tokens/s", title="(a) one stream, by what is promised")
    firsts: dict[str, list[float]] = {name: [] for name in VARIANTS}
    rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for number in range(rounds + 1):
        for name, config in VARIANTS.items():
            asked = request("streamGenerateContent?alt=sse", {**config, "seed": number})
            load = await loadgen.run(port, asked, requests=1, connections=1)
            (sample,) = load.samples
            if number:  # the first one reads the prompt
                firsts[name].append(sample.first)
                rates[name].append(int(TOKENS.findall(sample.body)[-1]) / (sample.total - sample.first))
    for name in VARIANTS:
        first, rate = statistics.median(firsts[name]), statistics.median(rates[name])
        table.add_row(name, f"{1e3 * first:.0f} ms", f"{rate:.0f}")
    return table


async def candidates(port: int, rounds: int) -> Table:
    """Part (b)."""
    table = Table("four answers of 64 tokens", "seconds", "tokens/s", title="(b) candidateCount")
    times: dict[str, list[tuple[float, int]]] = {
        "candidateCount 4": [],
        "four calls at once": [],
        "one by one": [],
    }
    for number in range(rounds):
        config = {"maxOutputTokens": 64, "seed": number}
        four = request("generateContent", {**config, "candidateCount": 4})
        one = request("generateContent", config)
        for name, asked, calls, connections in (
            ("candidateCount 4", four, 1, 1),
            ("four calls at once", one, 4, 4),
            ("one by one", one, 4, 1),
        ):
            started = time.perf_counter()
            load = await loadgen.run(port, asked, requests=calls, connections=connections)
            tokens = sum(int(TOKENS.findall(sample.body)[-1]) for sample in load.samples)
            times[name].append((time.perf_counter() - started, tokens))
    for name, measured in times.items():
        seconds = statistics.median(seconds for seconds, _ in measured)
        rate = statistics.median(tokens / seconds for seconds, tokens in measured)
        table.add_row(name, f"{seconds:.2f}", f"{rate:.0f}")
    return table


async def main(quick: bool) -> None:
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rounds = 3 if quick else 15
    with server() as (port, _):
        console.print(await constraints(port, rounds))
        console.print(await candidates(port, rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, figures only to look at")
    uvloop.run(main(parser.parse_args().quick))
