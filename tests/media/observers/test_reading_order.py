"""Lines, rows and columns from boxes alone."""

from __future__ import annotations

from geminid.media.observers.base import Box, Line
from geminid.media.observers.reading_order import arranged

LONG = "a line as long as its column"


def piece(text: str, left: float, top: float, width: float = 100, height: float = 20) -> Line:
    return Line(text, Box(left, top, left + width, top + height), 0.9)


def texts(*pieces: Line) -> list[str]:
    return [line.text for line in arranged(pieces)]


def test_nothing_stays_nothing() -> None:
    assert arranged([]) == []


def test_lines_go_from_top_to_bottom() -> None:
    assert texts(piece("b", 0, 30), piece("a", 10, 0), piece("c", 5, 60)) == ["a", "b", "c"]


def test_pieces_on_one_line_are_joined_from_left_to_right() -> None:
    assert texts(piece("Total:", 0, 2), piece("due", 110, 0), piece("9.50", 400, 4)) == ["Total: due\t9.50"]


def test_a_joined_line_spans_its_pieces_and_is_as_sure_as_the_least_sure() -> None:
    sure, unsure = piece("a", 0, 2), Line("b", Box(110, 0, 200, 20), 0.6)

    (line,) = arranged([sure, unsure])

    assert line == Line("a b", Box(0, 0, 200, 22), 0.6)


def test_columns_of_text_are_read_one_after_the_other() -> None:
    left = [piece(f"{LONG} {n}", 0, 30 * n, 380) for n in range(4)]
    right = [piece(f"{LONG} {n}", 420, 30 * n, 380) for n in range(4, 8)]
    lifted = [Line(each.text, Box(420, each.box.top - 120, 800, each.box.bottom - 120), 0.9) for each in right]

    assert texts(*lifted, *left) == [f"{LONG} {n}" for n in range(8)]


def test_a_heading_over_columns_comes_before_them() -> None:
    columns = [piece(f"{LONG} {x} {n}", x, 30 * n, 380) for x in (0, 420) for n in range(1, 6)]
    heading = piece("A heading over both of them", 200, 0, 400)

    assert texts(*columns, heading)[:2] == ["A heading over both of them", f"{LONG} 0 1"]


def test_cells_of_a_table_are_no_columns() -> None:
    cells = [piece(f"{name}{n}", x, 30 * n, 60) for name, x in (("item", 0), ("price", 400)) for n in range(5)]

    assert texts(*cells) == [f"item{n}\tprice{n}" for n in range(5)]
