"""From an attachment to what stands before the model: shown to those that see, described to others; counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from made_media import documents, pictures, recordings

from geminid.attachment import WHOLE, Attachment, Kind, Media, Picture, Resolution, Sound, Window
from geminid.build.media import understanding_of
from geminid.engines.script import Script
from geminid.engines.scripted import Scripted
from geminid.errors import ApiError, InvalidArgument, NotFound, PromptTooLong, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.generation import Generation, Text, Turn
from geminid.media.described import Observers
from geminid.media.fetch import Fetcher, Policy
from geminid.media.memory import Memory
from geminid.media.observers.base import Segment
from geminid.media.observers.scripted import ScriptedTranscriber
from geminid.media.understand import Reader, Understanding
from geminid.media.workers import Workers
from geminid.settings import Media as MediaSettings
from geminid.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, SECOND = "The first of two pages.", "And this is the second."
SCRIPTED: dict[str, Any] = {"reader": "scripted", "labeller": "scripted", "transcriber": "scripted"}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that stands for ``gs://shelf``."""
    return tmp_path_factory.mktemp("shelf")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def understanding(bucket: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Understanding]:
    cache = str(tmp_path_factory.mktemp("cache"))
    media = MediaSettings(buckets={"shelf": str(bucket)}, cache_dir=cache, workers=2, **SCRIPTED)
    understanding = understanding_of(Settings(media=media), {})
    yield understanding
    await understanding.aclose()


def reader(model_id: str = "gemini-1.5-flash", *, senses: bool = False, window: int = 1_000_000) -> Reader:
    """A scripted engine that sees and hears, or does neither."""
    model = Catalogue().find(model_id)
    assert model
    engine = Scripted(msgspec.convert({"sees": senses, "hears": senses}, Script))
    return Reader(engine, window, model.profile.input_tokens, model.profile.media)


def prompt(*attachments: Attachment) -> Generation:
    return Generation((Turn("user", (Text("Look:"), *attachments, Text("What is it?"))),))


async def media_of(understanding: Understanding, reader: Reader, *attachments: Attachment) -> list[Media]:
    """What stands in the places of the attachments."""
    understood = await understanding.understand(prompt(*attachments), reader)
    (turn,) = understood.turns
    first, *media, last = turn.pieces
    assert (first, last) == (Text("Look:"), Text("What is it?"))
    assert all(isinstance(each, Media) for each in media)
    return media  # type: ignore[return-value]


@pytest.fixture(scope="module")
def png() -> bytes:
    return pictures.saved(pictures.drawn({(40, 40): "HELLO"}), "image/png")


@pytest.fixture(scope="module")
def clip() -> bytes:
    """Ten seconds with a tone; the caption changes in the fourth and the eighth."""
    return recordings.captioned({0: "ONE", 4: "TWO", 8: "THREE"}, seconds=10)


@pytest.fixture(scope="module")
def tone() -> bytes:
    return recordings.sound("wav", "pcm_s16le", seconds=70)


def inline(
    mime_type: str, data: bytes, window: Window = WHOLE, resolution: Resolution | None = None
) -> Attachment:
    return Attachment(mime_type, data, window=window, resolution=resolution)


async def test_a_picture_is_described_to_a_model_that_does_not_see(
    understanding: Understanding, png: bytes
) -> None:
    (media,) = await media_of(understanding, reader(), inline("image/png", png))

    head, *body, end = media.text.splitlines()
    width, height = pictures.CANVAS
    assert head == f"[image 1: image/png, {width} x {height} pixels; described by software, not by the user]"
    assert body[0].startswith("| It seems to show: ")
    assert body[1].startswith('| Text in it: "text of a picture of ')
    assert body[2].startswith("| Colours: ")
    assert end == "[end of image 1]"
    assert (media.kind, media.tokens) == (Kind.IMAGE, 258)


async def test_a_picture_is_shown_to_a_model_that_sees(understanding: Understanding, png: bytes) -> None:
    (media,) = await media_of(understanding, reader(senses=True), inline("image/png", png))

    (picture,) = media.shown
    assert isinstance(picture, Picture)
    assert picture.data.startswith(b"\xff\xd8")
    assert (picture.mime_type, media.tokens) == ("image/jpeg", 258)


async def test_a_coarser_look_is_a_smaller_picture(understanding: Understanding, png: bytes) -> None:
    low = inline("image/png", png, resolution=Resolution.LOW)

    coarse, fine = await media_of(understanding, reader(senses=True), low, inline("image/png", png))

    assert isinstance(coarse.shown[0], Picture)
    assert isinstance(fine.shown[0], Picture)
    assert len(coarse.shown[0].data) < len(fine.shown[0].data)
    assert (coarse.tokens, fine.tokens) == (64, 258)


async def test_a_document_is_described_by_its_text(understanding: Understanding) -> None:
    (media,) = await media_of(understanding, reader(), inline("application/pdf", documents.typed([FIRST, SECOND])))

    assert f"| Page 1:\n| {FIRST}" in media.text
    assert f"| Page 2:\n| {SECOND}" in media.text
    assert (media.kind, media.tokens) == (Kind.DOCUMENT, 516)


async def test_a_page_that_was_scanned_is_read(understanding: Understanding) -> None:
    (media,) = await media_of(understanding, reader(), inline("application/pdf", documents.scanned(["One."])))

    assert "| Page 1:\n| text of a picture of " in media.text


async def test_a_document_is_shown_page_by_page_after_its_text(understanding: Understanding) -> None:
    document = inline("application/pdf", documents.typed([FIRST, SECOND]))

    (media,) = await media_of(understanding, reader(senses=True), document)

    assert [type(each) for each in media.shown] == [str, Picture, str, Picture]
    assert media.shown[0] == f"[page 1 of 2]\n| {FIRST}"


async def test_sound_is_described_with_times(understanding: Understanding, tone: bytes) -> None:
    (media,) = await media_of(understanding, reader(), inline("audio/wav", tone))

    times = [line.split()[1] for line in media.text.splitlines()[1:-1]]
    assert times == ["0:00:00", "0:00:30", "0:01:00"]
    assert (media.kind, media.tokens) == (Kind.AUDIO, 1750)


async def test_sound_is_shown_as_wav(understanding: Understanding, tone: bytes) -> None:
    window = Window(start=10, end=12)

    (media,) = await media_of(understanding, reader(senses=True), inline("audio/wav", tone, window))

    (sound,) = media.shown
    assert isinstance(sound, Sound)
    assert len(sound.data) == 44 + 2 * 2 * 16_000
    assert media.tokens == 50


async def test_a_video_is_described_where_it_changes_and_by_what_is_heard(
    understanding: Understanding, clip: bytes
) -> None:
    (media,) = await media_of(understanding, reader(), inline("video/mp4", clip))

    lines = media.text.splitlines()
    seen, heard = lines[2 : lines.index("| Heard:")], lines[lines.index("| Heard:") + 1 : -1]
    assert [line.split()[1] for line in seen] == ["0:00:00", "0:00:04", "0:00:08"]
    assert heard[0].startswith("| 0:00:00 sound from 0 s to 10")
    assert (media.kind, media.tokens) == (Kind.VIDEO, 10 * 258 + 250)


async def test_only_the_stretch_that_is_meant_is_looked_at(understanding: Understanding, clip: bytes) -> None:
    meant = inline("video/mp4", clip, Window(start=5, end=7))

    (media,) = await media_of(understanding, reader(), meant)

    assert [line.split()[1] for line in media.text.splitlines()[2:3]] == ["0:00:05"]
    assert "0:00:08" not in media.text
    assert "sound from 5 s to 7 s" in media.text
    assert media.tokens == 2 * 258 + 50


async def test_a_video_is_shown_as_frames_with_times_and_its_sound(
    understanding: Understanding, clip: bytes
) -> None:
    meant = inline("video/mp4", clip, Window(start=2, end=4, fps=2))

    (media,) = await media_of(understanding, reader(senses=True), meant)

    assert [each for each in media.shown if isinstance(each, str)] == [
        "[0:00:02]",
        "[0:00:02]",
        "[0:00:03]",
        "[0:00:03]",
    ]
    assert [type(each) for each in media.shown[1::2]] == [Picture, Picture, Picture, Picture]
    assert isinstance(media.shown[-1], Sound)


async def test_text_files_are_read_and_count_as_text(understanding: Understanding) -> None:
    (media,) = await media_of(understanding, reader(), inline("text/csv", "name,föö\na,1\n".encode("cp1252")))

    assert media.text == "[file 1: text/csv; not the words of the user]\n| name,föö\n| a,1\n[end of file 1]"
    assert media.tokens is None


async def test_media_has_its_number(understanding: Understanding, png: bytes) -> None:
    found = await media_of(understanding, reader(), inline("text/plain", b"Hi"), inline("image/png", png))

    assert [media.text.splitlines()[-1] for media in found] == ["[end of file 1]", "[end of image 2]"]


async def test_a_file_of_a_bucket(understanding: Understanding, bucket: Path, png: bytes) -> None:
    await asyncio.to_thread((bucket / "a.png").write_bytes, png)

    (media,) = await media_of(understanding, reader(), Attachment("image/png", uri="gs://shelf/a.png"))

    assert media.kind is Kind.IMAGE


async def test_a_missing_object_says_where_to_lay_it(understanding: Understanding) -> None:
    with pytest.raises(NotFound, match=r"gs://shelf/none\.png"):
        await media_of(understanding, reader(), Attachment("image/png", uri="gs://shelf/none.png"))


async def test_what_is_counted_is_what_is_counted_when_it_is_understood(
    understanding: Understanding, png: bytes, clip: bytes, tone: bytes
) -> None:
    files = [
        inline("image/png", png),
        inline("video/mp4", clip),
        inline("audio/wav", tone),
        inline("text/plain", b"x"),
    ]

    counted = await understanding.count(prompt(*files), reader())
    understood = await understanding.understand(prompt(*files), reader())

    assert counted.media_tokens() == understood.media_tokens()
    assert list(counted.media_tokens()) == [Kind.TEXT, Kind.IMAGE, Kind.VIDEO, Kind.AUDIO]
    assert counted.texts() == understood.texts()


async def test_more_than_the_model_takes_is_refused_by_its_count(understanding: Understanding) -> None:
    books = [inline("application/pdf", documents.typed(["A page."] * 16))] * 4

    with pytest.raises(PromptTooLong) as refusal:
        await media_of(understanding, reader("gemini-1.0-pro-vision"), *books)

    assert refusal.value.limit == 16_384


async def test_a_transcript_that_cannot_fit_is_not_begun(understanding: Understanding, tone: bytes) -> None:
    with pytest.raises(PromptTooLong) as refusal:
        await media_of(understanding, reader(window=20), inline("audio/wav", tone))

    assert refusal.value.limit == 20


@pytest.mark.parametrize(
    ("model_id", "files", "words"),
    [
        ("gemini-1.0-pro", ["image/png"], "Image input modality is not enabled"),
        ("gemini-1.0-pro-vision", ["audio/wav"], "Audio input modality is not enabled"),
        ("gemini-1.0-pro-vision", ["image/png"] * 2, "2 inline images but the supported limit is 1"),
        ("gemini-1.5-flash", ["video/mp4"] * 11, "11 videos but the supported limit is 10"),
    ],
)
async def test_limits_of_a_model(
    understanding: Understanding, model_id: str, files: list[str], words: str, png: bytes, clip: bytes, tone: bytes
) -> None:
    data = {"image/png": png, "video/mp4": clip, "audio/wav": tone}

    with pytest.raises(InvalidArgument, match=words):
        await media_of(understanding, reader(model_id), *(inline(name, data[name]) for name in files))


async def test_a_document_with_too_many_pages(understanding: Understanding) -> None:
    book = inline("application/pdf", documents.typed(["A page."] * 17))

    with pytest.raises(InvalidArgument, match="17 pages which exceeds the supported page limit of 16"):
        await media_of(understanding, reader("gemini-1.0-pro-vision"), book)


async def test_without_an_observer_the_command_is_told(png: bytes, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GEMINID_CACHE", str(tmp_path))
    settings = Settings(media=MediaSettings(reader="none", cache_dir=str(tmp_path)))
    understanding = understanding_of(settings, {})

    with pytest.raises(Unimplemented, match="Install it with: geminid models pull efficientnet-lite0"):
        await media_of(understanding, reader(), inline("image/png", png))
    await understanding.aclose()


async def test_observers_can_be_left_out(png: bytes, tmp_path: Path) -> None:
    media = MediaSettings(reader="none", labeller="none", transcriber="none", cache_dir=str(tmp_path))
    understanding = understanding_of(Settings(media=media), {})

    (described,) = await media_of(understanding, reader(), inline("image/png", png))

    assert len(described.text.splitlines()) == 3
    await understanding.aclose()


async def test_what_was_understood_is_remembered(understanding: Understanding, png: bytes) -> None:
    first = await media_of(understanding, reader(), inline("image/png", png))
    again = await media_of(understanding, reader(), inline("image/png", png))

    assert first[0].shown is again[0].shown


KNOWN = Media(Kind.IMAGE, ("[image 1]",), 258)


async def test_what_is_known_is_not_looked_at_again(understanding: Understanding, png: bytes) -> None:
    gone = Attachment("image/png", uri="gs://shelf/gone.png")
    both = prompt(gone, inline("image/png", png))

    understood = await understanding.understand(both, reader(), [KNOWN])
    counted = await understanding.count(both, reader(), [KNOWN])

    _, first, second, _ = understood.turns[0].pieces
    assert first is KNOWN
    assert isinstance(second, Media)
    assert second.text.splitlines()[-1] == "[end of image 2]"
    assert understood.media_tokens() == counted.media_tokens() == {Kind.TEXT: 0, Kind.IMAGE: 2 * 258}


async def test_what_is_known_takes_its_share(understanding: Understanding, png: bytes) -> None:
    file, pictures = inline("image/png", png), [KNOWN] * 3000
    large = Media(Kind.DOCUMENT, ("[file 1]",), 1_048_500)

    with pytest.raises(InvalidArgument, match="3001 images"):
        await understanding.understand(prompt(*[file] * 3001), reader(), pictures)
    with pytest.raises(PromptTooLong):
        await understanding.understand(prompt(file, file), reader("gemini-2.5-flash"), [large])
    with pytest.raises(PromptTooLong):
        await understanding.understand(
            prompt(file, file), reader(window=5), [Media(Kind.IMAGE, ("word " * 9,), 1)]
        )


async def test_one_bad_file_refuses_the_request(understanding: Understanding, png: bytes) -> None:
    with pytest.raises(ApiError, match=r"Provided image is not valid\."):
        await media_of(understanding, reader(), inline("image/png", png), inline("image/png", b"GIF"))


class Patient(ScriptedTranscriber):
    """Listens on when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.listening = 0

    async def transcribe(self, blocks: AsyncIterable[tuple[float, bytes]]) -> AsyncGenerator[Segment, None]:
        self.listening += 1
        async for _ in blocks:
            self.begun.set()
            await self.go.wait()
        yield Segment(0.0, 1.0, "heard")


async def test_recordings_leave_a_worker_for_pictures(png: bytes, tone: bytes, tmp_path: Path) -> None:
    listener = Patient()
    understanding = Understanding(
        Fetcher(Policy(cache_dir=tmp_path)), Workers(2), Observers(transcriber=listener), Memory(0)
    )
    waiting = [asyncio.create_task(media_of(understanding, reader(), inline("audio/wav", tone))) for _ in range(3)]

    await listener.begun.wait()
    (picture,) = await media_of(understanding, reader(), inline("image/png", png))

    assert picture.kind is Kind.IMAGE
    assert listener.listening == 1
    listener.go.set()
    await asyncio.gather(*waiting)
    await understanding.aclose()
