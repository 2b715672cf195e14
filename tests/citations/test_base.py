from __future__ import annotations

import pytest

from geminid.citations.base import parsed, written
from geminid.judgement import Date


@pytest.mark.parametrize(
    ("text", "date"), [("2007", Date(2007)), ("2007-06", Date(2007, 6)), ("2007-06-29", Date(2007, 6, 29))]
)
def test_a_date_may_be_a_part_of_one(text: str, date: Date) -> None:
    assert parsed(text) == date
    assert written(date) == text


@pytest.mark.parametrize(
    "text", ["", "07", "2007-6", "2007-13", "2007-00", "2007-06-32", "0000", "June 2007", "\uff12007"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|calendar"):
        parsed(text)
