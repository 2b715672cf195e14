"""The simulated engine against the published figures that it is made from, in its own time."""

from __future__ import annotations

import statistics

from rich.table import Table

from scaling.engine import LLAMA_70B, Engine, Sequence

PUBLISHED = (
    (1, 406.77, 18.58, 51.67),
    (5, 546.7, 21.83, 218.48),
    (25, 688.69, 38.75, 623.4),
    (50, 834.51, 59.73, 814.37),
    (100, 7996.25, 92.91, 917.26),
    (250, 88605.32, 93.2, 920.12),
)
"""Requests at the same time, ms to the first token, ms between two, tokens a second: 5,000 tokens in, 500 out,
https://docs.nvidia.com/nim/benchmarking/llm/1.0.0/performance"""


def model() -> Table:
    table = Table("at once", "first token, ms", "published", "between, ms", "published", "tokens/s", "published",
                  title="model: 5,000 tokens in, 500 out, Llama 3.3 70B on two H100")  # fmt: skip
    for streams, *published in PUBLISHED:
        found = _closed(streams, 5_000, 500, streams * 8)
        cells = [f"{value:,.1f}" for pair in zip(found, published, strict=True) for value in pair]
        table.add_row(str(streams), *cells)
    return table


def _closed(streams: int, prompt: int, words: int, requests: int) -> tuple[float, float, float]:
    """So many at once all the time; the first of each stream does not count."""
    engine, now, left = Engine(LLAMA_70B), 0.0, requests
    begun: dict[int, float] = {}
    firsts: dict[int, float] = {}
    waits, gaps = list[float](), list[float]()

    def ask() -> None:
        nonlocal left
        if left:
            left -= 1
            sequence = Sequence(prompt, words, tell)
            begun[id(sequence)] = now
            engine.waiting.append(sequence)

    def tell(sequence: Sequence) -> None:
        if sequence.written == 1:
            firsts[id(sequence)] = now
        if sequence.over:
            first = firsts.pop(id(sequence))
            waits.append(first - begun.pop(id(sequence)))
            gaps.append((now - first) / (words - 1))
            ask()

    for _ in range(streams):
        ask()
    while not engine.idle:
        now += engine.plan()
        engine.finish()
    counted = slice(streams, None)
    return 1e3 * statistics.mean(waits[counted]), 1e3 * statistics.mean(gaps[counted]), requests * words / now
