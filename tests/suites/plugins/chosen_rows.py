"""A pytest plugin: runs the tests that a file names, and writes how each ended, one JSON object a line.

``SUITE_ROWS`` is the file to write. ``SUITE_CHOSEN``, if it is set, names one with a test's id in each line.
It runs in the suite's own environment, and so imports nothing of this project.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    path = os.environ.get("SUITE_CHOSEN")
    if path is None:
        return
    chosen = set(Path(path).read_text(encoding="utf-8").splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in chosen])
    items[:] = [item for item in items if item.nodeid in chosen]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Of a test's three phases the call counts, and any other that did not pass."""
    if report.when == "call" or not report.passed:
        _write(report.nodeid, report.outcome, _message(report))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(report.nodeid, "failed", str(report.longrepr).strip().splitlines()[-1])


def _write(test: str, outcome: str, message: str) -> None:
    with open(os.environ["SUITE_ROWS"], "a", encoding="utf-8") as rows:
        rows.write(json.dumps({"test": test, "outcome": outcome, "message": message}) + "\n")


def _message(report: pytest.TestReport) -> str:
    """The first line of the error, or why it was skipped."""
    match report.longrepr:
        case (_, _, str(reason)):
            return reason
        case None:
            return str(getattr(report, "wasxfail", ""))
        case error:
            crash = getattr(error, "reprcrash", None)
            lines = str(crash.message if crash else error).strip().splitlines()
            return lines[0] if lines else ""
