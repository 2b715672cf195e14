"""The decoder of moving pictures: a file to its facts, and to single frames at regular times.

Runs in a worker, as the jobs ``video.look`` and ``video.frames``. Its sound is for ``audio.py``, which takes the
same file. However long a film is, it is held one frame at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from geminid.attachment import Kind
from geminid.media import pixels, refusals
from geminid.media.containers import MOST_PIXELS
from geminid.media.pixels import Form, Pixels
from geminid.media.tracks import Track, Window, opened, reached

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_SECONDS = 3600.0
"""What a request of Gemini 1.5 holds, without sound."""
MOST_SIDE = 16_384
MOST_LONG_SIDE = 4096
"""As ``image.py`` has it."""
MOST_RATE = 1000
"""Frames for each second of film; slow motion is recorded at up to 960."""

_MOST_STRETCH = 4
"""Pixels that are not square: those of PAL and NTSC are 0.9 to 1.5 times as wide as high."""
_LATENESS = 0.001
"""Of a frame's time: Matroska and Flash round to milliseconds."""
_DISORDER_SECONDS = 1.0
"""A picture that comes this much earlier than the one before belongs to another recording."""
_GRACE_SECONDS = 10.0
"""So much of a film may be faster than ``MOST_RATE``: files begin with odd times."""
_NOISE_PIXELS, _NOISE_LEVELS = 2, 48
"""Means over squares of so many pixels that differ by less, of 256 levels, are noise; text differs by 100.
"""
_TURNS = {1: "ROTATE_90", 2: "ROTATE_180", 3: "ROTATE_270"}
"""Quarter turns, counterclockwise as FFmpeg and Pillow both count them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a film is. Sizes in pixels, as it is meant to be seen. ``rate`` is in frames for each second.

    ``claimed_seconds`` and ``rate`` are its header's word, None where it has none. ``sound`` is whether
    ``audio.py`` has something to do.
    """

    claimed_seconds: float | None
    width: int
    height: int
    rate: float | None
    codec: str
    sound: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What is to be seen at a time, in seconds from the film's beginning. Without pixels: the same as before."""

    seconds: float
    pixels: Pixels | None


def look(file: BinaryIO, *, format: str, most_seconds: float = MOST_SECONDS) -> Look:
    """``format`` is a media type of ``sniff.py``. Decodes the first frame only.

    Raises InvalidArgument for what does not decode, has no pictures, or is plainly longer than ``most_seconds``.
    """
    with opened(file, format, Kind.VIDEO, Window(most_seconds=most_seconds)) as track:
        frame = next(_pictures(track), None)
        if frame is None:
            raise refusals.unprocessable(Kind.VIDEO)
        width, height = _seen_size(track, frame)
        if _quarters(frame) % 2:
            width, height = height, width
        rate = track.stream.average_rate
        sound = track.has(Kind.AUDIO)
        codec = track.decoder.name
        return Look(track.claimed_seconds, width, height, float(rate) if rate else None, codec, sound)


def seconds(file: BinaryIO, *, format: str, most_seconds: float = MOST_SECONDS) -> Iterator[float]:
    """How long it is, for a file that does not say so: how far it was decoded, every ten minutes, and at last all.

    Raises InvalidArgument as ``frames`` does.
    """
    window = Window(most_seconds=most_seconds)
    with opened(file, format, Kind.VIDEO, window) as track:
        yield from reached((time for time, _ in _timed(track, 0.0)), window, Kind.VIDEO)


def frames(
    file: BinaryIO,
    *,
    format: str,
    fps: float = 1.0,
    start: float = 0.0,
    end: float | None = None,
    long_side: int = 768,
    form: Form = "jpeg",
    changes: bool = False,
    most_seconds: float = MOST_SECONDS,
    most_frames: int | None = None,
) -> Iterator[Frame]:
    """What is to be seen at ``start`` and every 1/``fps`` seconds after it, before ``end``.

    A picture that stands for long comes again each time, or, with ``changes``, only its time does.

    Raises InvalidArgument for what does not decode, has no pictures or none within these bounds, and, when it gets
    there, for more than ``most_seconds`` of film or more than ``most_frames``.
    """
    window = Window(start, math.inf if end is None else end, most_seconds)
    side = min(long_side, MOST_LONG_SIDE)
    count = 0
    with opened(file, format, Kind.VIDEO, window) as track:
        painter = _Painter(track, side, form)
        for count, (seconds, picture) in enumerate(_due(track, window, fps), 1):
            if most_frames is not None and count > most_frames:
                raise refusals.too_large(Kind.VIDEO, "too many frames", f"{most_frames} frames")
            yield Frame(round(seconds, 3), painter.change(picture) if changes else painter.paint(picture))
    if not count:
        raise window.empty(Kind.VIDEO)


def _due(track: Track, window: Window, fps: float) -> Iterator[tuple[float, Any]]:
    """The times that are wanted, each with the picture that is shown then.

    What comes before the first picture, in sound for instance, is passed over.
    """
    shown, turn, due = None, 0, window.start
    for time, picture in _timed(track, window.start):
        if time > window.limit:
            raise window.exceeded(Kind.VIDEO)
        if shown is None:
            turn = max(0, math.floor((time - window.start + _LATENESS) * fps))
            due = window.start + turn / fps
        while shown is not None and due < min(time - _LATENESS, window.end):
            yield due, shown
            turn += 1
            due = window.start + turn / fps
        if time >= window.end:
            return
        shown = picture


def _timed(track: Track, start: float) -> Iterator[tuple[float, Any]]:
    """Every picture with its time, never before the last one's; in the end None, with the time of the end.

    Recordings that were joined begin again in their midst; they are taken to go on there.
    """
    interval = _interval(track)
    first = time = lasting = None
    for count, picture in enumerate(_pictures(track, start)):
        said = track.seconds(picture.pts)
        if time is None or first is None:
            first = time = said or 0.0
        elif said is None or said < time - _DISORDER_SECONDS:
            time += interval
        else:
            time = max(time, said)
        if count > MOST_RATE * (time - first + _GRACE_SECONDS):
            raise refusals.too_large(Kind.VIDEO, "too many frames for each second", f"{MOST_RATE} frames")
        lasting = picture.duration
        yield time, picture
    if time is not None:
        duration = float(lasting * track.stream.time_base) if lasting else interval
        yield time + max(duration, 2 * _LATENESS), None


def _interval(track: Track) -> float:
    """From one picture to the next, where they do not say when they are shown."""
    rate = track.stream.average_rate
    return 1 / min(max(float(rate), 1.0), MOST_RATE) if rate else 1 / 25


def _pictures(track: Track, start: float = 0.0) -> Iterator[Any]:
    _judge(track.decoder.width, track.decoder.height)
    for frame in track.frames(start):
        _judge(frame.width, frame.height)
        yield frame


def _judge(width: int, height: int) -> None:
    """A header may leave them to the frames, as 0."""
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS:
        limit = f"{MOST_PIXELS // 1_000_000} megapixels"
        raise refusals.too_large(Kind.VIDEO, f"a size of {width} x {height} pixels", limit)


class _Painter:
    """Makes pictures to be handed out from what the decoder gave."""

    def __init__(self, track: Track, side: int, form: Form) -> None:
        from av.video.reformatter import VideoReformatter

        self._scaler = VideoReformatter()
        self._track = track
        self._side = side
        self._form = form
        self._last: tuple[Any, Pixels] | None = None
        self._given: Image | None = None

    def paint(self, picture: Any) -> Pixels:
        """One that was painted just before comes for nothing."""
        if self._last is None or self._last[0] is not picture:
            self._last = picture, pixels.pack(self._image(picture), self._form)
        return self._last[1]

    def change(self, picture: Any) -> Pixels | None:
        """None for one that looks like the last one that was given."""
        if self._last is not None and self._last[0] is picture:
            return None
        image = self._image(picture)
        if self._given is not None and _alike(self._given, image):
            return None
        self._given, self._last = image, (picture, pixels.pack(image, self._form))
        return self._last[1]

    def _image(self, picture: Any) -> Image:
        from PIL.Image import Transpose

        width, height = pixels.fit(*_seen_size(self._track, picture), self._side)
        scaled: Any = self._scaler.reformat(picture, width, height, "rgb24", threads=1)
        image: Image = scaled.to_image()
        quarters = _quarters(picture)
        return image.transpose(Transpose[_TURNS[quarters]]) if quarters else image


def _alike(one: Image, other: Image) -> bool:
    """What a codec makes of the same scene differs from frame to frame, by single pixels and by little."""
    from PIL import ImageChops

    if one.size != other.size:
        return False
    difference = ImageChops.difference(one.reduce(_NOISE_PIXELS), other.reduce(_NOISE_PIXELS))
    return all(high < _NOISE_LEVELS for _, high in cast(tuple[tuple[int, int], ...], difference.getextrema()))


def _seen_size(track: Track, picture: Any) -> tuple[int, int]:
    """Before it is turned, its pixels made square."""
    stretch = track.stream.sample_aspect_ratio or 1
    if not 1 / _MOST_STRETCH <= stretch <= _MOST_STRETCH:
        stretch = 1
    return max(1, round(picture.width * stretch)), picture.height


def _quarters(picture: Any) -> int:
    quarters: int = round(picture.rotation / 90) % 4
    return quarters
