"""What a suite's results mean: which tests count, and how many of those passed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from foreign_suites.expectations import Expectations
from foreign_suites.play import Outcome, Row

GOAL: Final = 0.9


class By(StrEnum):
    """Who did what a test asks for, where it counts."""

    SERVER = "server"
    MODEL = "model"
    SCRIPT = "script"


class Standing(StrEnum):
    """What a test says of the server. Only those that passed or failed count for the share."""

    PASSED = "passed"
    FAILED = "failed"
    ROUTING = "routing"
    """It passes whatever the answer says, and so proves that a request reaches the model, and no more."""
    SKIPPED = "skipped"
    OUT_OF_SCOPE = "out of scope"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test. ``remark`` is the first line of its error, or why it does not count."""

    test: str
    standing: Standing
    remark: str = ""
    by: By | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One suite."""

    verdicts: Sequence[Verdict]

    def count(self, standing: Standing) -> int:
        return sum(verdict.standing is standing for verdict in self.verdicts)

    def passed(self, by: By) -> int:
        return sum(verdict.standing is Standing.PASSED and verdict.by is by for verdict in self.verdicts)

    @property
    def failures(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.standing is Standing.FAILED]

    @property
    def share(self) -> float:
        """Of the tests that count, those that passed; 1 if none count."""
        passed = self.count(Standing.PASSED)
        counted = passed + self.count(Standing.FAILED)
        return passed / counted if counted else 1.0

    @property
    def is_good(self) -> bool:
        return self.share >= GOAL


def telling(stub: Sequence[Row], expected: Expectations) -> list[str]:
    """The tests that ask for a real answer: in scope, not skipped, and not content with the stub's."""
    return [row.test for row in stub if row.outcome is Outcome.FAILED and _asks(row.test, expected)]


def _asks(test: str, expected: Expectations) -> bool:
    return expected.reason(test) is None and not expected.is_the_servers(test)


def judge(stub: Sequence[Row], played: Mapping[str, Row], expected: Expectations) -> Result:
    """``played`` has a row for each of the ``telling`` tests."""
    return Result([_verdict(row, played, expected) for row in stub])


def _verdict(stub: Row, played: Mapping[str, Row], expected: Expectations) -> Verdict:
    reason = expected.reason(stub.test)
    if reason is not None:
        return Verdict(stub.test, Standing.OUT_OF_SCOPE, reason)
    if expected.is_the_servers(stub.test):
        return Verdict(stub.test, Standing(stub.outcome), stub.message, By.SERVER)
    if stub.outcome is Outcome.PASSED:
        return Verdict(stub.test, Standing.ROUTING)
    row = played.get(stub.test, stub)
    by = By.SCRIPT if expected.script(row.test) else By.MODEL
    return Verdict(row.test, Standing(row.outcome), row.message, by)
