"""Text in pictures, by RapidOCR: the PP-OCRv6 models that its package carries, run by onnxruntime.

``load`` and what it calls run in the process of the recogniser, where the libraries are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec

from geminid.attachment import Kind
from geminid.media.observers import reading_order
from geminid.media.observers.base import INSTALL, Box, Line, Picture
from geminid.media.observers.recogniser import Limits, Recogniser

if TYPE_CHECKING:
    import numpy as np

MOST_LINES = 1000
MOST_CHARACTERS = 30_000
"""For one picture: three times what people put on a page."""

_LIMITS = Limits(seconds=90.0, memory_bytes=3 * 1024**3)
_MOST_SLENDER = 16
"""Detection scales the longer side to 2000 pixels at most and fails when the shorter one vanishes on the way."""
_LEAST_SIDE = 64
_PARAMETERS = {
    "Global.log_level": "critical",
    "Det.max_candidates": MOST_LINES,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
}


class RapidOcr:
    """A TextReader. What it is less than half sure of is left out."""

    name = "RapidOCR PP-OCRv6"

    def __init__(self) -> None:
        self._recogniser = Recogniser(__name__, kind=Kind.IMAGE, limits=_LIMITS)

    def ready(self) -> str | None:
        return None if find_spec("rapidocr") and find_spec("onnxruntime") else INSTALL

    @property
    def pid(self) -> int | None:
        return self._recogniser.pid

    async def read(self, picture: Picture) -> list[Line]:
        found = await self._recogniser.run(width=picture.width, height=picture.height, data=picture.data)
        return msgspec.convert(found, list[Line])

    async def aclose(self) -> None:
        await self._recogniser.aclose()


def load() -> Callable[[int, int, bytes], list[Line]]:
    """Gives a function from a picture's width, height and pixels to its lines."""
    import numpy as np
    from rapidocr import RapidOCR

    threads = {"EngineConfig.onnxruntime.intra_op_num_threads": os.cpu_count() or 1}
    engine: Any = RapidOCR(params=_PARAMETERS | threads)

    def recognise(width: int, height: int, data: bytes) -> list[Line]:
        pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        found = engine(_padded(pixels)[:, :, ::-1])
        if found.txts is None:
            return []
        pieces = [
            Line(text.strip(), Box(*box.min(axis=0).tolist(), *box.max(axis=0).tolist()), round(float(score), 3))
            for text, box, score in zip(found.txts, found.boxes, found.scores, strict=True)
            if text.strip()
        ]
        return _bounded(reading_order.arranged(pieces))

    recognise(_LEAST_SIDE, _LEAST_SIDE, bytes(3 * _LEAST_SIDE**2))  # it opens its models when they are first used
    return recognise


def _padded(pixels: np.ndarray) -> np.ndarray:
    """``pixels`` with more of its edge below and on the right, where it is too small or slender."""
    import numpy as np

    height, width = pixels.shape[:2]
    least = max(_LEAST_SIDE, -(-max(width, height) // _MOST_SLENDER))
    return np.pad(pixels, ((0, max(0, least - height)), (0, max(0, least - width)), (0, 0)), mode="edge")


def _bounded(lines: list[Line]) -> list[Line]:
    kept, left = [], MOST_CHARACTERS
    for line in lines:
        left -= len(line.text)
        if left < 0:
            break
        kept.append(line)
    return kept
