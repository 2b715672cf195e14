"""The pictures of the buckets, each with words on it, and the scenes of the clip. Called by ``buckets.py``."""

from __future__ import annotations

import math

from PIL import Image, ImageDraw, ImageFont

from seed_samples.animals import ANIMALS, Pen, tiger

SCONES = "SCONES AND COFFEE"
CHARACTER = "TIGER WITH A CAMERA"

_SIZE = (960, 640)
_FINER = 2
"""Shapes have no smooth edges; they are drawn larger and scaled down."""


def scones() -> Image.Image:
    """A plate and a cup on a table, from above."""
    picture, draw = _canvas(_SIZE, "#7a4f2c")
    for seam in range(0, _SIZE[1], 80):
        draw.line(_finer(0, seam, _SIZE[0], seam), "#5f3b1f", 3 * _FINER)
    plate = Pen(draw, _finer(360, 300), 480 * _FINER)
    plate.disc(0, 0, 1, 1, "#dfe3e6")
    plate.disc(0, 0, 0.94, 0.94, "#f7f8f8")
    plate.disc(0, 0, 0.68, 0.68, "#eceff0")
    for x, y, turn in ((-0.2, -0.16, 0.2), (0.19, -0.2, 1.1), (-0.19, 0.2, 2.3), (0.2, 0.17, 3.4), (0, 0, 4.2)):
        _scone(plate, x, y, turn)
    cup = Pen(draw, _finer(770, 250), 250 * _FINER)
    cup.disc(0, 0, 1.1, 1.1, "#e6e9eb")
    cup.disc(0, 0, 0.8, 0.8, "#fbfbfa")
    cup.line("#fbfbfa", 0.09, (0.3, 0.24), (0.52, 0.42))
    cup.disc(0, 0, 0.68, 0.68, "#3a2012")
    cup.disc(-0.05, -0.06, 0.4, 0.36, "#5c3721")
    return _captioned(picture, SCONES)


def character() -> Image.Image:
    """A tiger that takes a photograph."""
    picture, draw = _canvas(_SIZE, "#bfe0ea")
    draw.rectangle(_finer(0, 420, *_SIZE), fill="#7fb069")
    body = Pen(draw, _finer(480, 480), 300 * _FINER)
    body.disc(0, 0.1, 0.9, 1.1, "#2f6690")
    tiger(Pen(draw, _finer(480, 230), 340 * _FINER))
    body.shape("#24272b", (-0.34, -0.2), (0.34, -0.2), (0.34, 0.22), (-0.34, 0.22))
    body.shape("#24272b", (-0.14, -0.3), (0.14, -0.3), (0.18, -0.18), (-0.18, -0.18))
    for width, colour in ((0.34, "#c9ced3"), (0.27, "#15171a"), (0.13, "#3f6f9c")):
        body.disc(0, 0.01, width, width, colour)
    body.both(lambda way: body.disc(way * 0.38, 0.02, 0.2, 0.26, "#e8882a"))
    return _captioned(picture, CHARACTER)


def scene(animal: str, passed: float, size: tuple[int, int]) -> Image.Image:
    """What the clip shows of one animal when ``passed`` of its time, 0 to 1, has: it sways over a meadow."""
    picture, draw = _canvas(size, "#cfe8f3")
    width, height = size
    draw.rectangle(_finer(0, height * 0.6, width, height), fill="#8dbb74")
    sway = math.sin(passed * math.tau)
    centre = _finer(width * (0.5 + 0.08 * sway), height * 0.43)
    ANIMALS[animal](Pen(draw, centre, height * 0.62 * _FINER))
    return _captioned(picture, animal)


def _scone(plate: Pen, x: float, y: float, turn: float) -> None:
    """Not quite round, browned at the rim, with berries."""
    for radius, colour in ((0.155, "#a8682c"), (0.14, "#d79b4c"), (0.105, "#e7bd78")):
        rim = [turn + step * math.tau / 24 for step in range(24)]
        bumps = [radius * (1 + 0.05 * math.sin(5 * angle + turn)) for angle in rim]
        points = [(x + r * math.cos(a), y + r * math.sin(a)) for r, a in zip(bumps, rim, strict=True)]
        plate.shape(colour, *points)
    for step in range(5):
        angle = turn + step * math.tau / 5
        plate.disc(x + 0.07 * math.cos(angle), y + 0.07 * math.sin(angle), 0.035, 0.033, "#3b2a4a")


def _canvas(size: tuple[int, int], colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    width, height = size
    picture = Image.new("RGB", (width * _FINER, height * _FINER), colour)
    return picture, ImageDraw.Draw(picture)


def _finer(*lengths: float) -> tuple[float, ...]:
    return tuple(length * _FINER for length in lengths)


def _captioned(picture: Image.Image, text: str) -> Image.Image:
    """At its real size, with ``text`` on a strip of paper along the lower edge."""
    picture = picture.resize((picture.width // _FINER, picture.height // _FINER), Image.Resampling.LANCZOS)
    width, height = picture.size
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height * 0.84, width, height), fill="#fffdf5")
    font = ImageFont.load_default(height * 0.1)
    draw.text((width / 2, height * 0.92), text, "#1a1a1a", font, "mm")
    return picture
