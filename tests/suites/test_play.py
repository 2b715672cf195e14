"""A suite is run and its results are read. The suites here are a few lines each, and no server is asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from foreign_suites.catalogue import Kind, Suite
from foreign_suites.install import Installed
from foreign_suites.play import Outcome, PlayError, Playing, Row, play

TESTS = """
import pytest

def test_good():
    pass

def test_bad():
    assert 1 == 2, "one is not two"

@pytest.mark.skip("not today")
def test_left_out():
    pass

@pytest.fixture
def broken():
    yield
    raise OSError("no disk")

def test_untidy(broken):
    pass
"""

GENKIT = """#!/bin/sh
printf 'info: Running test: First Conformance...\\ninfo: Running test: Second Conformance...\\n'
printf '\\033[31merror: ❌ Failed: Second Conformance - said nothing\\033[39m\\n'
printf 'info: ✅ Passed: First Conformance\\n'
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """A suite's folder, whose interpreter is this one."""
    programs = tmp_path / "python" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (programs / "python").chmod(0o755)
    (tmp_path / "test_it.py").write_text(TESTS)
    return Installed(tmp_path, tmp_path)


SUITE = Suite("own", "a suite", tests=("test_it.py",))


def test_every_test_of_pytest_has_a_row(installed: Installed) -> None:
    rows = play(SUITE, installed, Playing("scripted", "log"))

    assert rows == [
        Row("test_it.py::test_good", Outcome.PASSED),
        Row("test_it.py::test_bad", Outcome.FAILED, "AssertionError: one is not two"),
        Row("test_it.py::test_left_out", Outcome.SKIPPED, "Skipped: not today"),
        Row("test_it.py::test_untidy", Outcome.FAILED, "OSError: no disk"),
    ]


def test_only_chosen_tests_run_and_one_that_is_not_there_failed(installed: Installed) -> None:
    chosen = ["test_it.py::test_good", "test_it.py::test_gone"]

    good, gone = play(SUITE, installed, Playing("scripted", "log", chosen))

    assert good == Row("test_it.py::test_good", Outcome.PASSED)
    assert gone.outcome is Outcome.FAILED
    assert gone.message.startswith("did not run")


def test_a_suite_that_does_not_run_says_why(installed: Installed) -> None:
    with pytest.raises(PlayError, match="file or directory not found"):
        play(Suite("own", "a suite", tests=("test_none.py",)), installed, Playing("scripted", "log"))


def test_genkit_names_its_tests_in_the_order_of_the_capabilities(installed: Installed) -> None:
    program = installed.folder / "node_modules" / ".bin" / "genkit"
    program.parent.mkdir(parents=True)
    program.write_text(GENKIT)
    program.chmod(0o755)
    suite = Suite("own", "a suite", kind=Kind.GENKIT, tests=("tool-request", "multiturn"))

    rows = play(suite, installed, Playing("scripted", "log"))

    assert sorted(rows, key=lambda row: row.test) == [
        Row("multiturn", Outcome.FAILED, "said nothing"),
        Row("tool-request", Outcome.PASSED),
    ]
