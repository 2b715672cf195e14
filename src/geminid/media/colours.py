"""Names for the colours of a picture, for its description. Pure, and knows nothing of pictures but their pixels.

Called by ``image.py`` in a worker.
"""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Iterable

_HUES = (
    (15, "red"),
    (42, "orange"),
    (68, "yellow"),
    (165, "green"),
    (200, "cyan"),
    (258, "blue"),
    (292, "purple"),
    (342, "pink"),
    (361, "red"),
)
"""Degrees of the colour circle up to which a hue has the name."""

_LEAST_SHARE = 0.08
_MOST_NAMES = 4


def name_of(red: int, green: int, blue: int) -> str:
    """One of thirteen English names. Channels are 0 to 255."""
    hue, lightness, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
    if lightness < 0.10:
        return "black"
    if lightness > 0.93:
        return "white"
    if saturation < 0.15:
        return "grey"
    name = next(name for limit, name in _HUES if hue * 360 < limit)
    if name in ("orange", "yellow", "red") and saturation < 0.6 and lightness > 0.7:
        return "beige"
    if name in ("orange", "yellow") and lightness < 0.38:
        return "brown"
    return "pink" if name == "red" and lightness > 0.72 else name


def dominant(counted: Iterable[tuple[int, tuple[int, int, int]]]) -> tuple[str, ...]:
    """Up to four names, the most frequent first, of counted colours; those below 8 % are left out."""
    counts: Counter[str] = Counter()
    for count, colour in counted:
        counts[name_of(*colour)] += count
    least = counts.total() * _LEAST_SHARE
    return tuple(name for name, count in counts.most_common(_MOST_NAMES) if count >= least)
