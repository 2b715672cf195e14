"""What media counts, in tokens, by Google's rules. Pure; called by ``measured.py``.

Tiles: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding
"""

from __future__ import annotations

import math

from geminid.attachment import Counting, Resolution, Steps, Window

_SMALL = 384
"""Pixels: an image that is no larger on either side is not cut into tiles."""
_TILE = (256, 768)
_CUT = 1.5
"""The side of a tile is the shorter side of the image, divided by this, within the bounds of ``_TILE``."""


def image_tokens(counting: Counting, resolution: Resolution | None, width: int, height: int) -> int:
    """For one image. Tiles come with the whole: 1806 tokens were recorded for 3 x 2 of them."""
    one = _step(counting.image, resolution)
    if not counting.tiled or resolution in (Resolution.LOW, Resolution.MEDIUM) or max(width, height) <= _SMALL:
        return one
    low, high = _TILE
    side = min(max(math.floor(min(width, height) / _CUT), low), high)
    tiles = math.ceil(width / side) * math.ceil(height / side)
    return one * (tiles + 1 if tiles > 1 else 1)


def document_tokens(counting: Counting, resolution: Resolution | None, pages: int) -> int:
    return _step(counting.page, resolution) * pages


def sound_tokens(counting: Counting, seconds: float) -> int:
    return math.ceil(counting.sound * seconds)


def video_tokens(
    counting: Counting, resolution: Resolution | None, seconds: float, fps: float, *, sound: bool
) -> int:
    """For a stretch of so many seconds: its frames, and its sound where it has any."""
    frames = max(1, math.ceil(seconds * fps))
    return _step(counting.frame, resolution) * frames + (sound_tokens(counting, seconds) if sound else 0)


def stretch(window: Window, seconds: float) -> float:
    """How many seconds of a recording of ``seconds`` the window leaves."""
    end = seconds if window.end is None else min(window.end, seconds)
    return max(0.0, end - window.start)


def _step(steps: Steps, resolution: Resolution | None) -> int:
    return steps.get(resolution, steps[None])
