"""geminid beside other gateways, in one run: what each adds to the same upstream, asked by the same client.

    python bench/peers.py [--quick] [--only geminid,litellm] [--json FILE] [--with bifrost=PROGRAM]

Every gateway is a real process, alone on one core in turn; the client and the upstream share another. They are
installed into the user's cache, each into a folder of its own, and see nothing of the user's environment. One that
cannot be had here is listed with the reason. The row ``direct`` is the client asking the upstream: what the
harness can do, which should be far more than any gateway.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import platformdirs
import uvloop
from rich.console import Console

from gateways import GATEWAYS
from gateways.base import Gateway, Unavailable
from gateways.figures import Figures
from gateways.machine import Cores, Machine
from gateways.measuring import Effort, measure, sides
from gateways.recipes import Supplied
from gateways.report import as_json, print_tables
from gateways.running import Running, serving, upstream

progress = Console(stderr=True, highlight=False, markup=False)


Had = list[tuple[Gateway, Path]]


def had(gateways: Sequence[Gateway], cache: Path) -> tuple[Had, dict[str, str]]:
    """Gateways with their programs, and by name why others have none."""
    programs: Had = []
    missing: dict[str, str] = {}
    for gateway in gateways:
        progress.print(f"{gateway.name}: {gateway.recipe.version}")
        try:
            programs.append((gateway, gateway.recipe.get(cache / gateway.name)))
        except Unavailable as error:
            missing[gateway.name] = str(error)
    return programs, missing


async def main(options: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    told = Machine.told()
    console.print(str(told), markup=False)
    programs, missing = had(options.only, options.cache.absolute())
    cores = Cores.split()
    rounds, seconds, paced_seconds = (1, 0.5, 2) if options.quick else (options.rounds, 1.0, 3)
    effort = Effort(rounds, seconds, paced_seconds, cores.gateway)
    if cores.harness is not None:
        os.sched_setaffinity(0, {cores.harness})
    async with contextlib.AsyncExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(upstream(cores.harness))
        running: list[Running] = []
        for gateway, program in programs:
            serve = serving(gateway, program, port, cores.gateway, scratch / gateway.name)
            try:
                running.append(await stack.enter_async_context(serve))
            except Unavailable as error:
                missing[gateway.name] = str(error)
        asked = sides(port, running)
        figures = Figures(asked, *await measure(asked, effort, progress.print))
        print_tables(console, figures, running, effort)
        report = as_json(told, effort, figures, running, missing)
    for name, reason in missing.items():
        console.print(f"NOT MEASURED {name}: {reason}", markup=False)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round, figures only to look at")
    parser.add_argument("--only", type=_gateways, default=list(GATEWAYS.values()), help=",".join(GATEWAYS))
    parser.add_argument("--rounds", type=int, default=5, help="of which figures are the medians")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every reading there")
    parser.add_argument(
        "--with", type=_supplied, action="append", default=[], dest="supplied", metavar="NAME=PROGRAM",
        help="runs this program, which is not installed by the benchmark",
    )  # fmt: skip
    parser.add_argument(
        "--cache", type=Path, default=platformdirs.user_cache_path("geminid", appauthor=False) / "peers"
    )
    options = parser.parse_args()
    supplied: dict[str, Supplied] = dict(options.supplied)
    options.only = [
        replace(gateway, recipe=supplied[gateway.name]) if gateway.name in supplied else gateway
        for gateway in options.only
    ]
    return options


def _gateways(text: str) -> list[Gateway]:
    try:
        return [GATEWAYS[name] for name in text.split(",")]
    except KeyError as error:
        raise argparse.ArgumentTypeError(f"there is no gateway {error}, only {', '.join(GATEWAYS)}") from None


def _supplied(text: str) -> tuple[str, Supplied]:
    name, _, path = text.partition("=")
    if name not in GATEWAYS or not path:
        raise argparse.ArgumentTypeError("that is not NAME=PROGRAM of a known gateway")
    return name, Supplied(Path(path).name, Path(path).absolute())


if __name__ == "__main__":
    uvloop.run(main(_options()))
