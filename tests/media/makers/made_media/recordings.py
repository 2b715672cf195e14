"""Sound that is a tone or noise, and films on which it is written what time it is, or what is to be read."""

from __future__ import annotations

import array
import functools
import io
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import av
from PIL import Image, ImageDraw

from made_media.pictures import drawn

Wave: TypeAlias = Callable[[int], "array.array[int]"]
Seen: TypeAlias = Callable[[float], Image.Image]

SIZE = (96, 64)
_WIDE = (640, 360)
_QUICK = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "16"},
}
_LOUDNESS = 9000


def tone(rate: int) -> array.array[int]:
    """One second of 440 Hz, in samples of 16 bits."""
    return array.array("h", (round(_LOUDNESS * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)))


def noise(rate: int) -> array.array[int]:
    """One second, always the same."""
    draw = random.Random(rate)
    return array.array("h", (draw.randint(-_LOUDNESS, _LOUDNESS) for _ in range(rate)))


def sound(
    form: str, codec: str, *, seconds: int = 3, rate: int = 16_000, layout: str = "mono", wave: Wave = tone
) -> bytes:
    """``form`` and ``codec`` are FFmpeg's names of a muxer and an encoder."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", form) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        if codec == "wmav2":  # its default is more than it can do
            stream.bit_rate = 64_000
        _add_sound(container, stream, wave, seconds)
    return buffer.getvalue()


@functools.cache
def written(text: str) -> Image.Image:
    """The picture that has a short text on it, black on white."""
    image = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(image).text((6, 6), text, fill="black", font_size=44)
    return image


def clock(time: float) -> Image.Image:
    """The picture with the whole seconds of a time."""
    return written(f"{int(time):02}")


def film(
    form: str,
    codec: str,
    *,
    seconds: int = 6,
    rate: int = 10,
    times: Sequence[float] | None = None,
    turned: int = 0,
    sound: str = "",
    seen: Seen = clock,
    **settings: Any,
) -> bytes:
    """What is ``seen`` at each of ``times``, by default ``rate`` times a second.

    ``sound`` is an encoder, for a tone; ``settings`` are of PyAV's stream.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", form) as container:
        stream = container.add_stream(codec, rate=rate, options=_QUICK.get(codec, {}))
        stream.width, stream.height = seen(0).size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for name, value in settings.items():
            setattr(stream, name, value)
        if turned:
            stream.set_display_rotation(turned)
        speech = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for time in [n / rate for n in range(seconds * rate)] if times is None else times:
            frame = av.VideoFrame.from_image(seen(time))
            frame.pts = round(time * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if speech:
            _add_sound(container, speech, tone, seconds)
    return buffer.getvalue()


def captioned(captions: Mapping[float, str], *, seconds: int, rate: int = 5) -> bytes:
    """An MP4 file with a tone, on whose pictures each caption stands from its time on to that of the next.

    Captions are short: about 20 characters fit. Before the first one there is none.
    """

    @functools.cache
    def card(text: str) -> Image.Image:
        return drawn({(40, 150): text}, size=44, canvas=_WIDE)

    def seen(time: float) -> Image.Image:
        begun = [start for start in captions if start <= time]
        return card(captions[max(begun)] if begun else "")

    return film("mp4", "libx264", seconds=seconds, rate=rate, sound="aac", seen=seen)


def _add_sound(container: Any, stream: Any, wave: Wave, seconds: int) -> None:
    rate = stream.rate
    samples = wave(rate).tobytes()
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, rate, stream.frame_size or 1024)
    for second in range(seconds):
        frame = av.AudioFrame("s16", "mono", rate)
        frame.rate, frame.pts = rate, second * rate
        frame.planes[0].update(samples)
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
    for part in [*resampler.resample(None), None]:
        container.mux(stream.encode(part))
