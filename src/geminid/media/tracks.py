"""One stream of sound or pictures, decoded in order from its beginning or from near a time.

Shared by ``audio.py`` and ``video.py``; runs in workers only. What a header says of lengths and counts is a claim
here; what was decoded counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, BinaryIO

from geminid.attachment import Kind
from geminid.errors import ApiError, InvalidArgument
from geminid.media import refusals
from geminid.media.containers import BARE, MOST_PIXELS, decodable, demuxer_for, open_container

_PROGRESS_SECONDS = 600
_BROKEN = (OSError, ValueError, ArithmeticError, LookupError, MemoryError)
"""What PyAV raises for files that are not what they should be, beside FFmpeg's own errors."""
_PADDING_SECONDS = 1.0
_MARGINS = (1.0, 15.0, 120.0)
"""How many seconds before the wanted time seeking aims, one after the other, until it is not beyond that time.

Transport streams know no key frames. A codec of sound needs to hear a little, Opus 80 ms, before it is in step.
"""
_MOST_PACKETS_LOOKED_AT = 5000


@dataclass(frozen=True, slots=True)
class Window:
    """What of a track is wanted, in seconds: from ``start``, before ``end``, not more than ``most_seconds``."""

    start: float = 0.0
    end: float = math.inf
    most_seconds: float = math.inf

    @property
    def limit(self) -> float:
        """Where it becomes too much; infinite where it cannot. Encoders pad what they are given."""
        if self.end - self.start <= self.most_seconds:
            return math.inf
        return self.start + self.most_seconds + _PADDING_SECONDS

    def empty(self, kind: Kind) -> ApiError:
        if self.start == 0:
            return refusals.unprocessable(kind)
        return InvalidArgument(
            f"Unable to submit request because the {kind.value} has nothing at the start offset of {self.start:g} "
            "seconds. Update the offsets and try again."
        )

    def exceeded(self, kind: Kind) -> ApiError:
        return refusals.too_large(kind, "too many seconds", f"{self.most_seconds:g} seconds")


class Track:
    """The first stream of a kind in a file. Times are seconds from the beginning of its container.

    ``stream`` and ``decoder`` are PyAV's, and are others after ``rewind``.
    """

    def __init__(self, file: BinaryIO, format: str, kind: Kind) -> None:
        """Raises InvalidArgument for a file that has none, or of which not even that can be said."""
        self.kind = kind
        self._file = file
        self._demuxer = demuxer_for(file, format)
        self.rewind()

    @property
    def claimed_seconds(self) -> float | None:
        """How long the container says that it is."""
        duration = self._container.duration
        return duration / 1_000_000 if duration and duration > 0 else None

    def has(self, kind: Kind) -> bool:
        """Whether there is a track of that kind, too."""
        return any(decodable(each, kind) for each in self._container.streams)

    def seconds(self, ticks: int | None) -> float | None:
        """The time that a packet or a frame gives in units of its stream."""
        if ticks is None or self._demuxer == BARE:
            return None
        return float(ticks * self.stream.time_base) - self._begin

    def frames(self, start: float = 0.0) -> Iterator[Any]:
        """What the decoder gives, from ``start`` or before to where the file ends or breaks off.

        What is broken is left out.
        """
        moved = False
        for margin in _MARGINS:
            if margin >= start or self._demuxer == BARE or not self._seek(start - margin):
                break
            moved = True
            frames = self._frames()
            first = next(frames, None)
            at = self.seconds(first.pts) if first else None
            if at is not None and at <= start:
                return chain([first], frames)
        if moved:
            self.rewind()
        return self._frames()

    def reaches(self, seconds: float) -> bool:
        """Whether the file holds anything for that time or later: packets, not a claim. To be rewound after."""
        self._seek(seconds)
        times = (self.seconds(packet.pts) for packet in islice(self._packets(), _MOST_PACKETS_LOOKED_AT))
        return any(time is not None and time >= seconds for time in times)

    def close(self) -> None:
        self._container.close()

    def rewind(self) -> None:
        """To the beginning, by opening it again: not every format leads back there."""
        from av.error import FFmpegError
        from av.stream import Discard

        try:
            self._container = open_container(self._file, self._demuxer)
        except (FFmpegError, *_BROKEN) as error:
            raise refusals.not_valid(self.kind) from error
        self._begin = (self._container.start_time or 0) / 1_000_000
        streams = self._container.streams
        self.stream: Any = next((each for each in streams if decodable(each, self.kind)), None)
        if self.stream is None:
            raise refusals.not_valid(self.kind)
        self.decoder: Any = self.stream.codec_context
        self.decoder.thread_count = 1
        self.decoder.options = {"max_pixels": str(MOST_PIXELS)}
        for each in streams:
            each.discard = Discard.default if each is self.stream else Discard.all

    def _seek(self, seconds: float) -> bool:
        """To the last place before that time from which it can be decoded, as far as the format tells."""
        from av.error import FFmpegError

        try:
            self._container.seek(round((seconds + self._begin) / self.stream.time_base), stream=self.stream)
        except FFmpegError:
            return False
        return True

    def _frames(self) -> Iterator[Any]:
        from av.error import FFmpegError, MemoryError

        for packet in chain(self._packets(), (None,)):  # None has the decoder give what it still holds
            try:
                frames = self.decoder.decode(packet)
            except MemoryError:
                raise
            except FFmpegError:
                continue
            yield from frames

    def _packets(self) -> Iterator[Any]:
        from av.error import FFmpegError

        with suppress(FFmpegError):
            yield from self._container.demux(self.stream)


def reached(times: Iterator[float], window: Window, kind: Kind) -> Iterator[float]:
    """How far a recording was decoded, of ``times`` that only grow: every ten minutes, and at last all of it.

    Raises InvalidArgument where that is nothing, or more than the window's limit.
    """
    time = told = 0.0
    for time in times:
        if time > window.limit:
            raise window.exceeded(kind)
        if time - told >= _PROGRESS_SECONDS:
            told = time
            yield round(time, 3)
    if not time:
        raise refusals.unprocessable(kind)
    yield round(time, 3)


@contextmanager
def opened(file: BinaryIO, format: str, kind: Kind, window: Window) -> Iterator[Track]:
    """The track of that kind in a file of the media type ``format``, at its beginning.

    Raises InvalidArgument for a file that has none or does not decode, and for one that says itself that it goes
    on after the window's limit, and does. Of one that does not say, its reader finds out.
    """
    from av.error import FFmpegError

    track = Track(file, format, kind)
    try:
        if (track.claimed_seconds or 0) > window.limit:
            if track.reaches(window.limit):
                raise window.exceeded(kind)
            track.rewind()
        yield track
    except (FFmpegError, *_BROKEN) as error:
        raise refusals.unprocessable(kind) from error
    finally:
        track.close()
