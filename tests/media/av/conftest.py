"""Makers of clips: sound that is a tone, and film on which each second is written."""

from __future__ import annotations

import array
import functools
import io
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import av
import psutil
import pytest
from PIL import Image, ImageDraw

Sound: TypeAlias = Callable[..., bytes]
Film: TypeAlias = Callable[..., bytes]
Written: TypeAlias = Callable[[str], Image.Image]
Decoding: TypeAlias = Callable[[], list[int]]

SIZE = (96, 64)
QUICK = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "16"},
}


def add_tone(container: Any, stream: Any, seconds: int) -> None:
    rate = stream.rate
    wave = array.array("h", (round(9000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)))
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, rate, stream.frame_size or 1024)
    for second in range(seconds):
        frame = av.AudioFrame("s16", "mono", rate)
        frame.rate, frame.pts = rate, second * rate
        frame.planes[0].update(wave.tobytes())
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
    for part in [*resampler.resample(None), None]:
        container.mux(stream.encode(part))


@pytest.fixture(scope="session")
def sound() -> Sound:
    """A tone of 440 Hz. ``form`` and ``codec`` are FFmpeg's names of a muxer and an encoder."""

    def sound(form: str, codec: str, *, seconds: int = 3, rate: int = 16_000, layout: str = "mono") -> bytes:
        buffer = io.BytesIO()
        with av.open(buffer, "w", form) as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            if codec == "wmav2":  # its default is more than it can do
                stream.bit_rate = 64_000
            add_tone(container, stream, seconds)
        return buffer.getvalue()

    return sound


@pytest.fixture(scope="session")
def written() -> Written:
    """The picture that has a text on it, black on white."""

    @functools.cache
    def written(text: str) -> Image.Image:
        image = Image.new("RGB", SIZE, "white")
        ImageDraw.Draw(image).text((6, 6), text, fill="black", font_size=44)
        return image

    return written


@pytest.fixture(scope="session")
def film(written: Written) -> Film:
    """On its pictures the whole seconds of their ``times`` are written. ``settings`` are of PyAV's stream."""

    def film(
        form: str,
        codec: str,
        *,
        seconds: int = 6,
        rate: int = 10,
        times: Sequence[float] | None = None,
        turned: int = 0,
        sound: str = "",
        **settings: Any,
    ) -> bytes:
        buffer = io.BytesIO()
        with av.open(buffer, "w", form) as container:
            stream = container.add_stream(codec, rate=rate, options=QUICK.get(codec, {}))
            stream.width, stream.height = SIZE
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            for name, value in settings.items():
                setattr(stream, name, value)
            if turned:
                stream.set_display_rotation(turned)
            speech = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
            for time in [n / rate for n in range(seconds * rate)] if times is None else times:
                frame = av.VideoFrame.from_image(written(f"{int(time):02}"))
                frame.pts = round(time * rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            if speech:
                add_tone(container, speech, seconds)
        return buffer.getvalue()

    return film


@pytest.fixture(scope="session")
def read(written: Written) -> Callable[[Any], int]:
    """Which second is written on the picture of a frame."""
    references = [written(f"{number:02}").convert("L").resize(SIZE).tobytes() for number in range(60)]

    def read(pixels: Any) -> int:
        image = Image.open(io.BytesIO(pixels["data"])).convert("L").resize(SIZE)
        data = image.tobytes()
        return min(range(60), key=lambda n: sum(abs(a - b) for a, b in zip(data, references[n], strict=True)))

    return read


@pytest.fixture
def decoding() -> Decoding:
    """The memory of each worker there is, in bytes."""

    def decoding() -> list[int]:
        children = psutil.Process().children()
        return [child.memory_info().rss for child in children if "geminid.media.worker" in child.cmdline()]

    return decoding
