"""Heads of animals, drawn with a few shapes. Called by ``pictures.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PIL.ImageDraw import ImageDraw

Colour = str | tuple[int, int, int]

_ORANGE, _GREY, _BLACK, _WHITE, _PINK = "#e8882a", "#8d97a3", "#1d1a18", "#fbf8f1", "#d98c8c"


class Pen:
    """Draws around ``centre``, an x and a y, in lengths of which ``size`` makes one."""

    def __init__(self, draw: ImageDraw, centre: Sequence[float], size: float) -> None:
        self._draw, self._size = draw, size
        self._x, self._y = centre

    def disc(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        left, top = self._at(x - width / 2, y - height / 2)
        right, bottom = self._at(x + width / 2, y + height / 2)
        self._draw.ellipse((left, top, right, bottom), fill=colour)

    def shape(self, colour: Colour, *points: tuple[float, float]) -> None:
        self._draw.polygon([self._at(*point) for point in points], fill=colour)

    def line(self, colour: Colour, width: float, *points: tuple[float, float]) -> None:
        self._draw.line([self._at(*point) for point in points], colour, int(width * self._size), "curve")

    def both(self, draw: Callable[[int], None]) -> None:
        """On the left and on the right: ``draw`` is given -1 and 1."""
        draw(-1)
        draw(1)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self._x + x * self._size, self._y + y * self._size


def tiger(pen: Pen) -> None:
    def side(way: int) -> None:
        pen.disc(way * 0.34, -0.38, 0.28, 0.28, _ORANGE)
        pen.disc(way * 0.34, -0.37, 0.15, 0.15, _WHITE)

    def stripes(way: int) -> None:
        for y in (-0.1, 0.05, 0.2):
            pen.shape(_BLACK, (way * 0.49, y - 0.05), (way * 0.27, y), (way * 0.48, y + 0.04))
        pen.shape(_BLACK, (way * 0.06, -0.48), (way * 0.09, -0.26), (way * 0.15, -0.46))
        pen.disc(way * 0.17, -0.1, 0.17, 0.14, _WHITE)
        pen.disc(way * 0.16, -0.1, 0.08, 0.11, _BLACK)
        pen.disc(way * 0.11, 0.2, 0.28, 0.24, _WHITE)
        pen.line(_WHITE, 0.012, (way * 0.2, 0.2), (way * 0.6, 0.14))
        pen.line(_WHITE, 0.012, (way * 0.2, 0.23), (way * 0.6, 0.26))

    pen.both(side)
    pen.disc(0, 0, 1, 0.95, _ORANGE)
    pen.both(stripes)
    pen.shape(_PINK, (-0.08, 0.08), (0.08, 0.08), (0, 0.17))
    pen.line(_BLACK, 0.015, (0, 0.16), (0, 0.25))


def elephant(pen: Pen) -> None:
    def side(way: int) -> None:
        pen.disc(way * 0.48, -0.08, 0.56, 0.7, "#7b8591")
        pen.disc(way * 0.47, -0.06, 0.4, 0.52, _PINK)

    def face(way: int) -> None:
        pen.disc(way * 0.17, -0.14, 0.1, 0.12, _WHITE)
        pen.disc(way * 0.17, -0.13, 0.06, 0.08, _BLACK)
        pen.shape(_WHITE, (way * 0.14, 0.2), (way * 0.26, 0.18), (way * 0.3, 0.46))

    pen.both(side)
    pen.disc(0, -0.05, 0.66, 0.72, _GREY)
    pen.both(face)
    pen.line(_GREY, 0.19, (0, 0.05), (0.01, 0.35), (0.06, 0.5), (0.17, 0.56), (0.27, 0.52))
    for y in (0.15, 0.24, 0.33):
        pen.line("#76808b", 0.014, (-0.08, y), (0.09, y))


def panda(pen: Pen) -> None:
    def face(way: int) -> None:
        pen.disc(way * 0.2, -0.05, 0.25, 0.3, _BLACK)
        pen.disc(way * 0.18, -0.06, 0.09, 0.1, _WHITE)
        pen.disc(way * 0.18, -0.05, 0.05, 0.06, _BLACK)

    pen.both(lambda way: pen.disc(way * 0.36, -0.36, 0.3, 0.3, _BLACK))
    pen.disc(0, 0, 1, 0.9, _WHITE)
    pen.both(face)
    pen.disc(0, 0.14, 0.16, 0.1, _BLACK)
    pen.line(_BLACK, 0.015, (-0.12, 0.27), (0, 0.22), (0.12, 0.27))


ANIMALS: Mapping[str, Callable[[Pen], None]] = {"TIGER": tiger, "ELEPHANT": elephant, "PANDA": panda}
"""By the word that stands below them."""
