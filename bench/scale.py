"""How geminid grows: with workers, with the replicas of a pool, and before a simulated fleet of GPUs.

    python bench/scale.py [--only model,workers,replicas,fleet] [--fleets 1,4,16,64] [--quick]

``model``: the simulated engine against the published figures that it is made from. ``workers``: requests and
chunks a second with the scripted engine, beside what the load generator could do. ``replicas``: what a request
costs more where a pool has more of them. ``fleet``: conversations in Gemini's format before up to 64 simulated
replicas, with up to 10,000 streams at the same time, and how many a second meet MLPerf's objective. All of it
takes seven minutes. docs/scale.md says what follows from that.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
from collections.abc import Sequence

import uvloop

from gateways.machine import Machine
from scaling.fleets import fleets
from scaling.model import model
from scaling.processes import console
from scaling.replicas import replicas
from scaling.workers import workers

PARTS = ("model", "workers", "replicas", "fleet")
FLEETS = (1, 4, 16, 64)


async def main(parts: Sequence[str], counts: Sequence[int], quick: bool) -> None:
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # so that no process is left
    console.print(str(Machine.told()), markup=False)
    _take_descriptors()
    if "model" in parts:
        console.print(model())
    if "workers" in parts:
        console.print(await workers(quick))
    if "replicas" in parts:
        console.print(await replicas(quick))
    if "fleet" in parts:
        console.print(*await fleets(counts, quick), sep="\n")


def _take_descriptors() -> None:
    """As many as there may be, for this process and those that it starts: a stream takes two of a worker."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="PARTS", help=",".join(PARTS))
    parser.add_argument("--fleets", type=_counts, metavar="REPLICAS", help="default 1,4,16,64; quick 1,4")
    parser.add_argument("--quick", action="store_true", help="short runs, figures only to look at")
    options = parser.parse_args()
    options.fleets = options.fleets or (FLEETS[:2] if options.quick else FLEETS)
    return options


def _parts(text: str) -> Sequence[str]:
    parts = text.split(",")
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"there is no part {', '.join(unknown)}, only {', '.join(PARTS)}")
    return parts


def _counts(text: str) -> Sequence[int]:
    return [int(count) for count in text.split(",")]


if __name__ == "__main__":
    told = _options()
    uvloop.run(main(told.only, told.fleets, told.quick))
