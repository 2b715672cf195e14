"""What the results of two runs, one against a stub, say of the server."""

from __future__ import annotations

import re

import pytest
from foreign_suites.expectations import Expectations, Group
from foreign_suites.play import Outcome, Row
from foreign_suites.verdicts import By, Result, Standing, Verdict, judge, telling

EXPECTED = Expectations(
    out_of_scope=(Group("pictures", re.compile("image")),),
    by_the_server=(Group("files", re.compile("file")),),
    scripted=(Group("asks for wits", re.compile("call"), "wits.toml"),),
)
STUB = [
    Row("test_route", Outcome.PASSED),
    Row("test_image", Outcome.FAILED, "501"),
    Row("test_image_route", Outcome.PASSED),
    Row("test_file", Outcome.PASSED),
    Row("test_no_file", Outcome.FAILED, "404"),
    Row("test_schema", Outcome.FAILED, "not JSON"),
    Row("test_call", Outcome.FAILED, "no call"),
    Row("test_windows", Outcome.SKIPPED, "only on Windows"),
]


def test_only_tests_that_want_another_answer_than_the_stubs_are_played_again() -> None:
    assert telling(STUB, EXPECTED) == ["test_schema", "test_call"]


def test_every_test_has_a_standing() -> None:
    played = {
        "test_schema": Row("test_schema", Outcome.PASSED),
        "test_call": Row("test_call", Outcome.FAILED, "500"),
    }

    result = judge(STUB, played, EXPECTED)

    assert result.verdicts == [
        Verdict("test_route", Standing.ROUTING),
        Verdict("test_image", Standing.OUT_OF_SCOPE, "pictures"),
        Verdict("test_image_route", Standing.OUT_OF_SCOPE, "pictures"),
        Verdict("test_file", Standing.PASSED, by=By.SERVER),
        Verdict("test_no_file", Standing.FAILED, "404", By.SERVER),
        Verdict("test_schema", Standing.PASSED, by=By.MODEL),
        Verdict("test_call", Standing.FAILED, "500", By.SCRIPT),
        Verdict("test_windows", Standing.SKIPPED, "only on Windows", By.MODEL),
    ]
    assert [verdict.test for verdict in result.failures] == ["test_no_file", "test_call"]
    assert [result.passed(by) for by in By] == [1, 1, 0]


@pytest.mark.parametrize(("passed", "failed", "good"), [(9, 1, True), (8, 2, False), (0, 0, True)])
def test_nine_of_ten_that_count_must_pass(passed: int, failed: int, good: bool) -> None:
    standings = [Standing.PASSED] * passed + [Standing.FAILED] * failed + [Standing.ROUTING, Standing.OUT_OF_SCOPE]

    result = Result([Verdict(str(number), standing) for number, standing in enumerate(standings)])

    assert result.is_good is good
