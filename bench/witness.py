"""What AIPerf says of geminid: a benchmark client of others asks both doors, and the model server itself.

    python bench/witness.py [--aiperf PROGRAM] [--concurrency 1,16,64] [--quick] [--json FILE]

The model server is ``chat_upstream.py``, which sends a word each 20 ms; ``direct`` is AIPerf asking it without
geminid between them. What a door shows beyond that row is what geminid adds, and what AIPerf's reading of Gemini's
chunks costs more than its reading of OpenAI's. geminid has one core, AIPerf and the model server share another.
AIPerf (https://github.com/ai-dynamo/aiperf, 1.2 GB) is installed into the user's cache, unless it is named.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import uvloop
from rich.console import Console
from rich.table import Table

from chat_upstream import MODEL
from gateways.base import Format, Order, Recipe, Route, Unavailable
from gateways.machine import Cores, Machine
from gateways.ours import GEMINID
from gateways.recipes import Pip, Supplied
from gateways.running import serving, upstream

AIPERF = Pip("aiperf==0.13.0", "aiperf")
PACE = 50
"""Words a second, about what one reader of a GPU's server gets."""
SECONDS = 900
_SHOWN = ("time_to_first_token", "inter_chunk_latency", "inter_token_latency")
_RATES = ("output_token_throughput", "request_throughput")

progress = Console(stderr=True, highlight=False, markup=False)


@dataclass(frozen=True, slots=True)
class Side:
    """A way to the answer: the model server itself, or one door of the geminid before it."""

    name: str
    form: Format
    port: int
    route: Route

    def flags(self) -> list[str]:
        """How AIPerf is told about it. Gemini's is a form that its authors do not know: a template."""
        url = ["--url", f"http://127.0.0.1:{self.port}", "--model", self.route.model or MODEL, "--streaming"]
        if self.form is Format.OPENAI:
            return [*url, "--endpoint-type", "chat", "--custom-endpoint", self.route.path]
        extra = {
            "payload_template": '{"contents": [{"role": "user", "parts": [{"text": {{ text|tojson }} }]}]}',
            "response_field": "candidates[0].content.parts[0].text",
        }
        path = f"{self.route.path}:streamGenerateContent?alt=sse"
        return [
            *url,
            "--endpoint-type",
            "template",
            "--custom-endpoint",
            path,
            "--extra-inputs",
            json.dumps(extra),
        ]


@dataclass(frozen=True, slots=True)
class Load:
    """So many requests, so many of them at a time, for answers of so many words."""

    concurrency: int
    requests: int
    words: int

    @classmethod
    def of(cls, concurrency: int, quick: bool) -> Load:
        return cls(concurrency, concurrency * (1 if quick else 8) + (0 if quick else 12), 10 if quick else 50)


class Witness:
    """AIPerf with a folder of its own. The prompt and the tokenizer are made here: it would fetch both."""

    def __init__(self, program: Path, folder: Path, core: int | None) -> None:
        self._program, self._folder = program, folder
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        self._pin = ["taskset", "-c", str(core)] if core is not None else []
        _write_tokenizer(folder / "tokenizer")

    def ask(self, side: Side, load: Load) -> Mapping[str, Any]:
        """The report of one run. Raises Unavailable."""
        results = Path(tempfile.mkdtemp(dir=self._folder))
        prompt = results / "prompt.jsonl"
        prompt.write_text(json.dumps({"text": Order(load.words, stream=True, pace=PACE).prompt}))
        command = [
            *self._pin, str(self._program), "profile", *side.flags(),
            "--tokenizer", str(self._folder / "tokenizer"),
            "--input-file", str(prompt), "--custom-dataset-type", "single_turn", "--random-seed", "1",
            "--concurrency", str(load.concurrency), "--request-count", str(load.requests),
            "--warmup-request-count", str(load.concurrency), "--artifact-dir", str(results),
            "--export-level", "summary", "--ui", "none", "--no-gpu-telemetry", "--no-server-metrics",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=results, env=self._environment, capture_output=True, text=True, timeout=SECONDS
        )
        report = results / "profile_export_aiperf.json"
        if done.returncode != 0 or not report.exists():
            raise Unavailable(f"AIPerf failed: {(done.stderr or done.stdout)[-2000:]}")
        told: Mapping[str, Any] = json.loads(report.read_text())
        if missing := {*_SHOWN, *_RATES} - told.keys():
            raise Unavailable(f"AIPerf tells no {', '.join(missing)}; errors: {told.get('error_summary')}")
        return told


def _write_tokenizer(folder: Path) -> None:
    """A word is a token."""
    folder.mkdir()
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": model,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


def row(side: Side, load: Load, report: Mapping[str, Any]) -> list[str]:
    times = [f"{report[name]['p50']:.1f} / {report[name]['p99']:.1f}" for name in _SHOWN]
    rates = [f"{report[name]['avg']:,.1f}" for name in _RATES]
    return [side.name, side.form.value, str(load.concurrency), *times, *rates, failures(load, report)]


def failures(load: Load, report: Mapping[str, Any]) -> str:
    """Requests that AIPerf counts as failed, and what else was not as it should be."""
    answered, whole = report["request_count"]["avg"], report["output_sequence_length"]
    found = f"{load.requests - answered:.0f}"
    return found if whole["min"] == whole["max"] == load.words else f"{found}, and answers that were cut"


async def main(options: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(str(Machine.told()), markup=False)
    cores = Cores.split()
    program = options.aiperf.get(options.cache.absolute() / "aiperf")
    table = Table(
        "", "format", "streams", "first token, ms p50 / p99", "between chunks, ms p50 / p99",
        "mean of an answer, p50 / p99", "tokens/s", "requests/s", "failed",
        title=f"As AIPerf saw it: answers of {PACE} words a second",
    )  # fmt: skip
    reports = []
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(upstream(cores.harness))
        geminid = serving(GEMINID, GEMINID.recipe.get(folder), port, cores.gateway, folder / "geminid")
        running = await stack.enter_async_context(geminid)
        if running.unfit:
            raise Unavailable(str(running.unfit))
        sides = [
            Side("direct", Format.OPENAI, port, Route("/v1/chat/completions", model=MODEL)),
            *(Side("geminid", form, running.port, route) for form, route in GEMINID.routes.items()),
        ]
        witness = Witness(program, folder, cores.harness)
        for concurrency in options.concurrency:
            load = Load.of(concurrency, options.quick)
            for side in sides:
                progress.print(f"{side.name}, {side.form.value}, {concurrency} streams")
                report = witness.ask(side, load)
                table.add_row(*row(side, load, report))
                reports.append({"side": side.name, "format": side.form.value, "report": report})
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few and short answers, figures only to look at")
    parser.add_argument(
        "--concurrency", type=_numbers, default=[1, 16, 64], metavar="N,N", help="streams at a time"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes AIPerf's own reports there")
    parser.add_argument(
        "--aiperf", type=_supplied, default=AIPERF, metavar="PROGRAM", help="is not installed then"
    )
    parser.add_argument(
        "--cache", type=Path, default=platformdirs.user_cache_path("geminid", appauthor=False) / "peers"
    )
    return parser.parse_args()


def _numbers(text: str) -> Sequence[int]:
    return [int(number) for number in text.split(",")]


def _supplied(text: str) -> Recipe:
    return Supplied("aiperf", Path(text).absolute())


if __name__ == "__main__":
    try:
        uvloop.run(main(_options()))
    except Unavailable as error:
        sys.exit(f"NOT MEASURED: {error}")
