"""The decoder of sound: a file to its facts, and to samples as recognisers take them, block by block.

Runs in a worker, as the jobs ``audio.look``, ``audio.seconds`` and ``audio.samples``, on files of sound and on the
sound of a video. However long a file is, a block of it is all that is held.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from typing import TYPE_CHECKING, Any, BinaryIO

from geminid.attachment import Kind
from geminid.media import refusals
from geminid.media.tracks import Track, Window, opened, reached

if TYPE_CHECKING:
    from av.filter import Graph

MOST_SECONDS = 8.4 * 3600
"""What a request of Gemini 1.5 holds."""
MOST_CHANNELS = 8
SAMPLE_RATES = range(1000, 384_001)
BLOCK_SECONDS = 30
"""As much as Whisper hears at once."""

_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Look:
    """What a file of sound is. ``claimed_seconds`` is its header's word, None where it has none."""

    claimed_seconds: float | None
    channels: int
    rate: int
    codec: str


@dataclass(frozen=True, slots=True)
class Block:
    """``data`` is mono, 16 bits signed little-endian. ``start`` is its time in the file, in seconds."""

    start: float
    seconds: float
    data: bytes


def look(file: BinaryIO, *, format: str, most_seconds: float = MOST_SECONDS) -> Look:
    """``format`` is a media type of ``sniff.py``. Decodes the beginning only.

    Raises InvalidArgument for what does not decode, has no sound, or is plainly longer than ``most_seconds``.
    """
    with opened(file, format, Kind.AUDIO, Window(most_seconds=most_seconds)) as track:
        frame = next(_frames(track), None)
        if frame is None:
            raise refusals.unprocessable(Kind.AUDIO)
        return Look(track.claimed_seconds, frame.layout.nb_channels, frame.sample_rate, track.decoder.name)


def seconds(file: BinaryIO, *, format: str, most_seconds: float = MOST_SECONDS) -> Iterator[float]:
    """How much sound there is: the sum of what was decoded so far, every ten minutes of it, and at last of all.

    Raises InvalidArgument as ``samples`` does.
    """
    window = Window(most_seconds=most_seconds)
    with opened(file, format, Kind.AUDIO, window) as track:
        lengths = (frame.samples / frame.sample_rate for frame in _frames(track))
        yield from reached(accumulate(lengths), window, Kind.AUDIO)


def samples(
    file: BinaryIO,
    *,
    format: str,
    rate: int = 16_000,
    start: float = 0.0,
    end: float | None = None,
    most_seconds: float = MOST_SECONDS,
) -> Iterator[Block]:
    """The sound from ``start`` to ``end``, in blocks of ``BLOCK_SECONDS`` each, the last one shorter.

    Raises InvalidArgument for what does not decode, has no sound or none within these bounds, has more channels or
    another rate than ``MOST_CHANNELS`` and ``SAMPLE_RATES`` say, and, when it gets there, for more than
    ``most_seconds``.
    """
    window = Window(start, math.inf if end is None else end, most_seconds)
    found = False
    with opened(file, format, Kind.AUDIO, window) as track:
        for block in _blocks(track, window, rate):
            if block.start + block.seconds > window.limit:
                raise window.exceeded(Kind.AUDIO)
            found = True
            yield block
    if not found:
        raise window.empty(Kind.AUDIO)


def _blocks(track: Track, window: Window, rate: int) -> Iterator[Block]:
    frames = _frames(track, window.start)
    first = next(frames, None)
    if first is None:
        raise refusals.unprocessable(Kind.AUDIO)
    # The time of the first frame is believed, wherever seeking has led to; from there on samples are counted.
    begin = track.seconds(first.pts) or 0.0
    at = max(begin, window.start)
    wanted = _cut(_resampled(chain([first], frames), rate), (at - begin) * rate, (window.end - at) * rate)
    size = BLOCK_SECONDS * rate * _SAMPLE_BYTES
    block = bytearray()
    for data in wanted:
        block += data
        while len(block) >= size:
            yield Block(at, BLOCK_SECONDS, bytes(block[:size]))
            del block[:size]
            at += BLOCK_SECONDS
    if block:
        yield Block(at, len(block) / _SAMPLE_BYTES / rate, bytes(block))


def _cut(parts: Iterator[bytes], skipped: float, kept: float) -> Iterator[bytes]:
    """Both are numbers of samples; ``kept`` may be infinite."""
    skip = round(skipped) * _SAMPLE_BYTES
    keep = sys.maxsize if math.isinf(kept) else round(kept) * _SAMPLE_BYTES
    for part in parts:
        data = part[skip : skip + keep]
        skip -= min(skip, len(part))
        keep -= len(data)
        if data:
            yield data
        if keep <= 0:
            return


def _frames(track: Track, start: float = 0.0) -> Iterator[Any]:
    _judge(track.decoder.channels, track.decoder.sample_rate)
    for frame in track.frames(start):
        _judge(frame.layout.nb_channels, frame.sample_rate)
        yield frame


def _judge(channels: int, rate: int) -> None:
    """A header may leave them to the frames, as 0."""
    if channels > MOST_CHANNELS:
        raise refusals.too_large(Kind.AUDIO, f"{channels} channels", f"{MOST_CHANNELS} channels")
    if rate and rate not in SAMPLE_RATES:
        limit = f"{SAMPLE_RATES.start} to {SAMPLE_RATES.stop - 1} Hz"
        raise refusals.too_large(Kind.AUDIO, f"a sample rate of {rate} Hz", limit)


def _resampled(frames: Iterator[Any], rate: int) -> Iterator[bytes]:
    """Mono, at ``rate``. Streams that were joined may change what they are on their way."""
    for (form, layout, source_rate), alike in groupby(frames, _shape):
        graph = _graph(form, layout, source_rate, rate)
        unread = 0
        for frame in alike:
            graph.push(frame)
            unread += frame.samples
            if unread >= source_rate:  # a pull that gets nothing is not cheap
                unread = 0
                yield from _pull(graph)
        graph.push(None)
        yield from _pull(graph)


def _shape(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _graph(form: str, layout: str, source_rate: int, rate: int) -> Graph:
    """PyAV's own resampler is this, with threads for every processor."""
    from av.filter import Graph

    graph = Graph()
    graph.threads = 1
    given = {"sample_rate": str(source_rate), "sample_fmt": form, "channel_layout": layout}
    source = graph.add("abuffer", time_base=f"1/{source_rate}", **given)
    wanted = graph.add("aformat", sample_rates=str(rate), sample_fmts="s16", channel_layouts="mono")
    sink = graph.add("abuffersink")
    source.link_to(wanted)
    wanted.link_to(sink)
    graph.configure()
    graph.set_audio_frame_size(rate)
    return graph


def _pull(graph: Graph) -> Iterator[bytes]:
    """What is ready, a second at once."""
    with suppress(BlockingIOError, EOFError):
        while True:
            frame: Any = graph.pull()
            yield bytes(frame.planes[0])[: frame.samples * _SAMPLE_BYTES]
