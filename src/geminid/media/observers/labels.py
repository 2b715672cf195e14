"""What a picture shows, as names out of the thousand of ImageNet, by EfficientNet-Lite0.

Animals, plants and things; no people. ``load`` and what it calls run in the process of the recogniser.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from geminid.attachment import Kind
from geminid.media.observers import checkpoint, efficientnet
from geminid.media.observers.base import INSTALL, Label, Picture
from geminid.media.observers.recogniser import Limits, Recogniser

if TYPE_CHECKING:
    import numpy as np

MOST_LABELS = 3
LEAST_PROBABILITY = 0.3
"""Pictures of people and text, for which it has no names, mostly stay below."""

_LIMITS = Limits(seconds=20.0, memory_bytes=1024**3)
_MARGIN = 1.14
"""The shorter side is scaled to this much of what is cut out of the middle."""


class EfficientNet:
    """A Labeller. ``weights`` is the checkpoint; ``pull`` is the command that brings it here."""

    name = "EfficientNet-Lite0"

    def __init__(self, weights: Path, *, pull: str) -> None:
        self._weights = weights
        self._pull = pull
        self._recogniser = Recogniser(__name__, str(weights), kind=Kind.IMAGE, limits=_LIMITS)

    def ready(self) -> str | None:
        if not (find_spec("numpy") and find_spec("PIL")):
            return INSTALL
        return None if self._weights.is_file() else self._pull

    @property
    def pid(self) -> int | None:
        return self._recogniser.pid

    async def label(self, picture: Picture) -> list[Label]:
        found = await self._recogniser.run(width=picture.width, height=picture.height, data=picture.data)
        return msgspec.convert(found, list[Label])

    async def aclose(self) -> None:
        await self._recogniser.aclose()


def load(path: str) -> Callable[[int, int, bytes], list[Label]]:
    """Gives a function from a picture's width, height and pixels to its labels."""
    with open(path, "rb") as file:
        network = efficientnet.EfficientNetLite0(checkpoint.read(file))
    names = resources.files(__package__).joinpath("imagenet.txt").read_text("utf-8").splitlines()

    def recognise(width: int, height: int, data: bytes) -> list[Label]:
        chances = network.probabilities(_middle(width, height, data))
        best = chances.argsort()[: -MOST_LABELS - 1 : -1]
        return [
            Label(names[index], round(float(chances[index]), 3))
            for index in best
            if chances[index] >= LEAST_PROBABILITY
        ]

    return recognise


def _middle(width: int, height: int, data: bytes) -> np.ndarray:
    """A square out of the middle, of the size that the network takes."""
    import numpy as np
    from PIL import Image as images

    square = min(width, height) / _MARGIN
    left, top = (width - square) / 2, (height - square) / 2
    picture = images.frombytes("RGB", (width, height), data)
    side = (efficientnet.SIDE, efficientnet.SIDE)
    return np.asarray(picture.resize(side, images.Resampling.BICUBIC, (left, top, left + square, top + square)))
