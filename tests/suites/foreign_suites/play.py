"""Plays an installed suite under ``geminid run``, and says how each of its tests ended."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from foreign_suites import samples
from foreign_suites.catalogue import HERE, Kind, Suite
from foreign_suites.install import Installed

_SECONDS: Final = 3600
_TEST_SECONDS: Final = 60
_GRACE_SECONDS: Final = 30

_GENKIT_RUNS: Final = re.compile(r"Running test: (.+)\.\.\.$", re.M)
_GENKIT_ENDS: Final = re.compile(r"(Passed|Failed): (.+?)(?: - (.*))?$", re.M)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class PlayError(Exception):
    """A suite did not run at all; the message has the end of what it printed."""


class Outcome(StrEnum):
    """How a test ended, by the suite's own judgement."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Row:
    """One test. ``message`` is the first line of its error, or why it was skipped."""

    test: str
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Playing:
    """One run: against which engine, which tests (None means all), and what its log is called."""

    engine: str
    log: str
    tests: Collection[str] | None = None


def play(suite: Suite, installed: Installed, playing: Playing) -> list[Row]:
    """Runs the tests, one at a time. Raises PlayError."""
    log = installed.folder / "logs" / f"{playing.log}.log"
    log.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="suite-") as name:
        work = Path(name)
        samples.make(work)
        _settings(work).write_text((HERE / "models.toml").read_text() + samples.settings(work), encoding="utf-8")
        match suite.kind:
            case Kind.PYTEST:
                return _pytest(suite, installed, playing, work, log)
            case Kind.GENKIT:
                return _genkit(suite, installed, playing, work, log)
            case _:
                assert_never(suite.kind)


def _pytest(suite: Suite, installed: Installed, playing: Playing, work: Path, log: Path) -> list[Row]:
    rows, chosen = work / "rows.jsonl", work / "chosen.txt"
    rows.touch()
    variables = {
        **suite.variables,
        "SUITE_ROWS": str(rows),
        "SUITE_SAMPLES": str(samples.files(work)),
        "PYTHONPATH": _python_path(suite, installed),
    }
    if playing.tests is not None:
        chosen.write_text("\n".join(playing.tests), encoding="utf-8")
        variables["SUITE_CHOSEN"] = str(chosen)
    command = [
        installed.python, "-m", "pytest", "-c", os.devnull, "--rootdir", installed.root,
        "--confcutdir", installed.root, "--tb", "short", "--timeout", _TEST_SECONDS,
        "-p", "no:cacheprovider", "-p", "chosen_rows", *suite.options,
        *(installed.root / test for test in suite.tests),
    ]  # fmt: skip
    _run(playing.engine, command, variables, work, log)
    found = [_row(json.loads(line)) for line in rows.read_text(encoding="utf-8").splitlines()]
    return _complete(found, playing, log)


def _python_path(suite: Suite, installed: Installed) -> str:
    """Tests of a source are a package called ``tests`` in its folder."""
    own = [str(HERE / "plugins"), *([str(installed.root)] if suite.source else [])]
    return os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH")])])


def _row(fields: Mapping[str, str]) -> Row:
    return Row(fields["test"], Outcome(fields["outcome"]), fields["message"])


def _genkit(suite: Suite, installed: Installed, playing: Playing, work: Path, log: Path) -> list[Row]:
    """Genkit starts its tests in the order of the capabilities that it is given, and prints names of its own."""
    capabilities = [test for test in suite.tests if playing.tests is None or test in playing.tests]
    app = installed.folder / "app.mjs"
    app.write_bytes((HERE / "genkit_app" / "app.mjs").read_bytes())
    (work / "package.json").write_text("{}")
    command = [
        installed.folder / "node_modules" / ".bin" / "genkit", "dev:test-model", "googleai/gemini-2.5-flash",
        "--non-interactive", "--supports", ",".join(capabilities), "--", installed.programs / "node", app,
    ]  # fmt: skip
    path = os.pathsep.join([str(installed.programs), os.environ["PATH"]])
    _run(playing.engine, command, {**suite.variables, "PATH": path, "HOME": str(work)}, work, log)
    printed = _COLOURS.sub("", log.read_text(encoding="utf-8"))
    names = dict(zip(_GENKIT_RUNS.findall(printed), capabilities, strict=False))
    return _complete(list(_genkit_rows(names, printed)), playing, log)


def _genkit_rows(names: Mapping[str, str], printed: str) -> Iterator[Row]:
    for verdict, name, message in _GENKIT_ENDS.findall(printed):
        if name in names:
            yield Row(names[name], Outcome(verdict.lower()), message)


def _complete(rows: list[Row], playing: Playing, log: Path) -> list[Row]:
    """A test that failed and then could not be taken down has two rows: the first says what was wrong."""
    by_test: dict[str, Row] = {}
    for row in rows:
        first = by_test.setdefault(row.test, row)
        if first.outcome is Outcome.PASSED and row.outcome is Outcome.FAILED:
            by_test[row.test] = row
    if not by_test:
        raise PlayError(f"no test ran; the log is {log}\n{_end(log)}")
    for test in playing.tests or ():
        by_test.setdefault(test, Row(test, Outcome.FAILED, f"did not run; the log is {log}"))
    return list(by_test.values())


def _end(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def _settings(work: Path) -> Path:
    return work / "geminid.toml"


def _run(engine: str, command: list[object], variables: Mapping[str, str], work: Path, log: Path) -> None:
    geminid = [sys.executable, "-m", "geminid", "run", "--verbose", "--config", _settings(work)]
    words = [str(word) for word in [*geminid, "--engine", engine, "--", *command]]
    with log.open("w", encoding="utf-8") as printed:
        process = subprocess.Popen(
            words, cwd=work, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed
        )
        try:
            process.wait(_SECONDS)
        except BaseException as error:
            process.send_signal(signal.SIGTERM)
            process.wait(_GRACE_SECONDS)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
