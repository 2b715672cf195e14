"""Runs the code samples of saved documentation pages under ``geminid run``, unchanged, and prints how they ended.

    python tests/seeds/run_samples.py FOLDER [--only python,curl] [--engine scripted]

The pages (plain text, ``*.txt``) are not part of this project. Folders with media of our own stand for the buckets
that the samples read from. Libraries for Node, Java and Go are installed into the user's cache by the ordinary
package managers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from seed_samples import buckets
from seed_samples.extract import Language, Sample, extract
from seed_samples.program import NotAProgram, program
from seed_samples.toolchains import Toolchain, ToolchainError, toolchain
from seed_samples.values import NoValue
from seed_samples.verdict import Outcome, Verdict, judge

SECONDS = 180

_LLAMA = """\
[engines.llama]
kind = "llama"
context_tokens = 2048
slots = 1

"""
"""What samples ask for has no end of its own: a small model may tell a story until its window is full."""

_COLOURS = {Outcome.OK: "green", Outcome.UNIMPLEMENTED: "yellow", Outcome.FAILED: "red", Outcome.SKIPPED: "dim"}


@dataclass(frozen=True, slots=True)
class Numbered:
    """A sample and the page that it is from."""

    page: str
    sample: Sample


def main() -> int:
    options = _options()
    if not options.folder.is_dir():
        print(
            f"There is no folder {options.folder}. Give one with saved documentation pages (*.txt).",
            file=sys.stderr,
        )
        return 2
    found = [
        Numbered(path.name, sample)
        for path in sorted(options.folder.glob("*.txt"))
        for sample in extract(path.read_text(encoding="utf-8"))
        if sample.language in options.only
    ]
    if not found:
        print(f"There are no samples in {options.folder}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="geminid-buckets-") as name:
        verdicts = _run_all(found, options, _configuration(Path(name)))
    return _report(found, verdicts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the samples of documentation pages under geminid run.")
    parser.add_argument("folder", type=Path, help="a folder of pages, saved as text")
    parser.add_argument("--only", type=_languages, default=list(Language), help="python,node,java,go,curl")
    parser.add_argument(
        "--python", default=sys.executable, help="an interpreter with google-cloud-aiplatform, openai"
    )
    parser.add_argument("--engine", default="llama", help="who answers, as for geminid serve")
    parser.add_argument(
        "--cache", type=Path, default=platformdirs.user_cache_path("geminid", appauthor=False) / "samples"
    )
    return parser.parse_args()


def _languages(text: str) -> list[Language]:
    return [Language(name) for name in text.split(",")]


def _configuration(folder: Path) -> Path:
    """A geminid.toml, and beside it the media that it speaks of."""
    buckets.make(folder / "buckets")
    path = folder / "geminid.toml"
    path.write_text(_LLAMA + buckets.settings(folder / "buckets"), encoding="utf-8")
    return path


def _run_all(found: list[Numbered], options: argparse.Namespace, configuration: Path) -> list[Verdict]:
    run = ["run", "--verbose", "--config", str(configuration), "--engine", options.engine, "--"]
    console = Console(stderr=True, highlight=False)
    chains: dict[Language, Toolchain | Verdict] = {}
    verdicts = []
    for one in found:
        language = one.sample.language
        if language not in chains:
            console.print(f"{language}: getting ready")
            chains[language] = _prepared(language, options)
        chain = chains[language]
        verdict = chain if isinstance(chain, Verdict) else _run(one.sample, chain, run)
        console.print(f"{one.page}:{one.sample.line} {language} {verdict.outcome}", markup=False)
        verdicts.append(verdict)
    return verdicts


def _prepared(language: Language, options: argparse.Namespace) -> Toolchain | Verdict:
    chain = toolchain(language, cache=options.cache.absolute(), python=options.python)
    try:
        chain.prepare()
    except ToolchainError as error:
        return Verdict(Outcome.SKIPPED, str(error))
    return chain


def _run(sample: Sample, chain: Toolchain, run: list[str]) -> Verdict:
    if sample.outline:
        return Verdict(Outcome.SKIPPED, "an outline of the syntax")
    with tempfile.TemporaryDirectory() as name:
        try:
            made = program(sample)
            command = chain.command(Path(name), made)
            done = subprocess.run(
                [sys.executable, "-m", "geminid", *run, *command], cwd=name, env=os.environ | made.environment,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
            )  # fmt: skip
        except (NotAProgram, ToolchainError) as error:
            return Verdict(Outcome.FAILED, str(error))
        except NoValue as error:
            return Verdict(Outcome.FAILED, f"nothing to fill in for {error}")
        except subprocess.TimeoutExpired:
            return Verdict(Outcome.FAILED, f"took more than {SECONDS} s")
    return judge(sample, done.returncode, done.stdout, done.stderr)


def _report(found: list[Numbered], verdicts: list[Verdict]) -> int:
    """Prints the table and the sum; 1 if a sample failed."""
    table = Table("page", "line", "language", "about", "result", "remark")
    for one, verdict in zip(found, verdicts, strict=True):
        colour = _COLOURS[verdict.outcome]
        about = ", ".join(_about(one.sample))
        result = f"[{colour}]{verdict.outcome}[/]"
        table.add_row(
            one.page, str(one.sample.line), one.sample.language, about, result, escape(verdict.remark[:100])
        )
    Console(width=None if sys.stdout.isatty() else 180, markup=True, highlight=False).print(table)
    counts = {outcome: sum(verdict.outcome is outcome for verdict in verdicts) for outcome in Outcome}
    passed = counts[Outcome.OK] + counts[Outcome.UNIMPLEMENTED]
    print(f"{passed} passed, {counts[Outcome.FAILED]} failed, {counts[Outcome.SKIPPED]} skipped")
    return 1 if counts[Outcome.FAILED] else 0


def _about(sample: Sample) -> Iterator[str]:
    yield "media" if sample.has_media else "text"
    if sample.streams:
        yield "streaming"


if __name__ == "__main__":
    sys.exit(main())
