"""The order in which people read lines that were found scattered over a page. Geometry only; used by ``ocr.py``.

Pieces at one height become one line, from left to right, unless a gutter runs through: then the page has columns,
and they are read one after the other. A table has gutters, too, but its cells are short; a column is full of text.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from geminid.media.observers.base import Box, Line

_COLUMN_LINES = 3
_COLUMN_CHARACTERS = 15
_COLUMN_FILLED = 0.5
"""A column has at least that many lines, of that median length, that fill half of its width."""

_SAME_LINE = 0.5
"""Of the height of the lower piece, how much has to be beside the other one."""
_WORD_GAP = 1.5
"""In heights of the line; pieces further apart do not belong to one phrase."""


def arranged(pieces: Iterable[Line]) -> list[Line]:
    """``pieces`` in reading order, those that are on one line joined."""
    boxes = sorted(pieces, key=lambda piece: (piece.box.top, piece.box.left))
    gutter = _gutter(boxes)
    if gutter is None:
        return [_joined(row) for row in _rows(boxes)]
    # What crosses the gutter, a heading for instance, separates what is above it from what is below.
    lines: list[Line] = []
    columns: tuple[list[Line], list[Line]] = ([], [])
    for piece in boxes:
        if piece.box.left < gutter < piece.box.right:
            lines += [*arranged(columns[0]), *arranged(columns[1]), piece]
            columns = ([], [])
        else:
            columns[piece.box.left >= gutter].append(piece)
    return [*lines, *arranged(columns[0]), *arranged(columns[1])]


def _gutter(pieces: list[Line]) -> float | None:
    """Where the second column begins, if there is one: few lines run across that."""
    for start in sorted({piece.box.left for piece in pieces}):
        left = [piece for piece in pieces if piece.box.right <= start]
        right = [piece for piece in pieces if piece.box.left >= start]
        crossing = len(pieces) - len(left) - len(right)
        if crossing <= len(pieces) // 10 and _is_column(left) and _is_column(right) and _side_by_side(left, right):
            return start
    return None


def _is_column(pieces: list[Line]) -> bool:
    if len(pieces) < _COLUMN_LINES:
        return False
    width = max(piece.box.right for piece in pieces) - min(piece.box.left for piece in pieces)
    characters = statistics.median(len(piece.text) for piece in pieces)
    filled = statistics.median(piece.box.right - piece.box.left for piece in pieces)
    return characters >= _COLUMN_CHARACTERS and filled >= _COLUMN_FILLED * width


def _side_by_side(left: list[Line], right: list[Line]) -> bool:
    """Whether they share at least half of the lower one's height; else one is above the other."""
    tops = [min(piece.box.top for piece in side) for side in (left, right)]
    bottoms = [max(piece.box.bottom for piece in side) for side in (left, right)]
    shared = min(bottoms) - max(tops)
    return shared >= 0.5 * min(bottoms[0] - tops[0], bottoms[1] - tops[1])


def _rows(pieces: list[Line]) -> list[list[Line]]:
    """``pieces``, sorted by their tops, by the line that each is on."""
    rows: list[list[Line]] = []
    for piece in pieces:
        row = next((row for row in reversed(rows[-3:]) if _beside(row[-1].box, piece.box)), None)
        if row is None:
            rows.append([piece])
        else:
            row.append(piece)
    return rows


def _beside(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    apart = other.left >= one.right or other.right <= one.left
    return apart and shared >= _SAME_LINE * min(one.bottom - one.top, other.bottom - other.top)


def _joined(row: list[Line]) -> Line:
    first, *others = sorted(row, key=lambda piece: piece.box.left)
    text, end = first.text, first.box.right
    for piece in others:
        near = piece.box.left - end < _WORD_GAP * (piece.box.bottom - piece.box.top)
        text += (" " if near else "\t") + piece.text
        end = piece.box.right
    box = Box(
        left=first.box.left,
        top=min(piece.box.top for piece in row),
        right=max(piece.box.right for piece in row),
        bottom=max(piece.box.bottom for piece in row),
    )
    return Line(text, box, min(piece.confidence for piece in row))
