"""Runs test suites that others wrote for their own clients of Gemini, unchanged, under ``geminid run``.

    python tests/suites/run_suites.py [--only genai,langchain] [--engine llama]

The suites are installed into the user's cache by pip and npm. Each runs twice: first against a stub that always
says the same, and then those of its tests that this did not content, against the engine. Exit code 1 if less than
90 % of these, and of those that ask for the server's own work, pass.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parents[1] / "media" / "makers"))

from foreign_suites.catalogue import HERE, SUITES, Suite
from foreign_suites.expectations import Expectations, load
from foreign_suites.install import InstallError, install
from foreign_suites.play import PlayError, Playing, Row, play
from foreign_suites.verdicts import By, Result, Standing, judge, telling

_URL = re.compile(r"https://\S+ ?")
"""Errors of some libraries begin with the whole address."""

STUB = f"scripted:{HERE / 'scripts' / 'stub.toml'}"

progress = Console(stderr=True, highlight=False, markup=False)


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    expectations = load(HERE / "expectations.yaml")
    results: dict[str, Result] = {}
    missing = False
    for suite in options.only:
        expected = expectations.get(suite.name, Expectations())
        try:
            results[suite.name] = _run(suite, expected, options)
        except (InstallError, PlayError) as error:
            progress.print(f"{suite.name}: {error}")
            missing = True
    _report(results)
    return 1 if missing or not all(result.is_good for result in results.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the test suites of others against geminid.")
    parser.add_argument("--only", type=_suites, default=list(SUITES.values()), help=",".join(SUITES))
    parser.add_argument("--engine", default="llama", help="who answers, as for geminid serve")
    parser.add_argument(
        "--cache", type=Path, default=platformdirs.user_cache_path("geminid", appauthor=False) / "suites"
    )
    return parser.parse_args()


def _suites(text: str) -> list[Suite]:
    try:
        return [SUITES[name] for name in text.split(",")]
    except KeyError as error:
        raise argparse.ArgumentTypeError(f"there is no suite {error}, only {', '.join(SUITES)}") from None


def _run(suite: Suite, expected: Expectations, options: argparse.Namespace) -> Result:
    def tell(message: str) -> None:
        progress.print(f"{suite.name}: {message}")

    installed = install(suite, options.cache.absolute() / suite.name, tell)
    tell("all tests, against a stub")
    stub = play(suite, installed, Playing(STUB, "stub"))
    played: dict[str, Row] = {}
    for playing in _playings(telling(stub, expected), expected, options.engine):
        tell(f"{len(playing.tests or ())} tests, against {playing.engine}")
        played |= {row.test: row for row in play(suite, installed, playing)}
    return judge(stub, played, expected)


def _playings(tests: list[str], expected: Expectations, engine: str) -> Iterator[Playing]:
    """One run against the engine, and one for each script."""
    by_script: dict[str | None, list[str]] = {}
    for test in tests:
        by_script.setdefault(expected.script(test), []).append(test)
    for script, chosen in by_script.items():
        if script is None:
            yield Playing(engine, "engine", chosen)
        else:
            yield Playing(f"scripted:{HERE / 'scripts' / script}", Path(script).stem, chosen)


def _report(results: dict[str, Result]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    for name, result in results.items():
        for verdict in result.failures:
            error = _URL.sub("", verdict.remark)[:240]
            console.print(f"FAILED {name} {verdict.test}: {error}", markup=False, soft_wrap=True)
    table = Table("suite", "in scope", *(f"by {by}" for by in By), "share", "routing", "skipped", "out of scope")
    for name, result in results.items():
        counts = [result.count(one) for one in (Standing.ROUTING, Standing.SKIPPED, Standing.OUT_OF_SCOPE)]
        in_scope = len(result.verdicts) - sum(counts)
        colour = "green" if result.is_good else "red"
        share = f"[{colour}]{result.share:.0%}[/]"
        passed = (result.passed(by) for by in By)
        table.add_row(SUITES[name].title, str(in_scope), *map(str, passed), share, *map(str, counts))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
