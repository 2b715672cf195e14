"""Media in a cache is understood once, when the cache is made: no use of it fetches or describes it again."""

from __future__ import annotations

import base64
import datetime as dt
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from geminid.attachment import Kind, Media, Picture, Sound
from geminid.build.media import understanding_of
from geminid.call import Call
from geminid.engines.script import Script
from geminid.engines.scripted import Scripted
from geminid.errors import InvalidArgument, NotFound
from geminid.gemini.profiles import Catalogue
from geminid.generation import Event, Generation
from geminid.media.understand import Understanding
from geminid.service.cached import CachedPrompts
from geminid.service.caching import GenAiCacheService
from geminid.service.generative import PredictionService
from geminid.service.judges import Judges
from geminid.service.prefixes import Prefixes
from geminid.service.registry import Registry
from geminid.service.tokens import LlmUtilityService
from geminid.settings import Media as MediaSettings
from geminid.settings import Settings
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BLOB_BYTES, BlobbedCachedContents
from geminid.storage.sql.database import open_database
from geminid.wire.caching import CachedContent, CreateCachedContentRequest
from geminid.wire.content import Blob, Content, FileData, Part
from geminid.wire.developer_count import CountTokensRequest
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Message

HOME = "projects/p/locations/l"
MODEL = f"{HOME}/publishers/google/models/gemini-2.5-flash"
START = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP8z4AdMOEQH6QSAM1BAQ/oQeJvAAAAAElFTkSuQmCC"
)


class Listening(Scripted):
    """Keeps what it was asked."""

    def __init__(self, *, senses: bool) -> None:
        super().__init__(msgspec.convert({"sees": senses, "hears": senses}, Script))
        self.asked: list[Generation] = []

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        self.asked.append(generation)
        async for event in super().generate(generation):
            yield event

    @property
    def media(self) -> list[Media]:
        return [piece for turn in self.asked[-1].turns for piece in turn.pieces if isinstance(piece, Media)]


class Server:
    """Services over one database and one folder of blobs."""

    def __init__(
        self, contents: BlobbedCachedContents, understanding: Understanding, judges: Judges, *, senses: bool
    ) -> None:
        self.engine = Listening(senses=senses)
        registry = Registry(Catalogue(), self.engine, {})
        prompts = CachedPrompts(contents, registry)
        self.caches = GenAiCacheService(contents, registry, understanding, Prefixes(contents, registry))
        self.prediction = PredictionService(registry, understanding, judges, prompts)
        self.tokens = LlmUtilityService(registry, understanding, prompts)

    async def create(self, *parts: Part) -> Any:
        content = CachedContent(model=MODEL, contents=[Content(role="user", parts=list(parts))])
        request = CreateCachedContentRequest(parent=HOME, cached_content=content)
        return await only(self.caches.create_cached_content(call(request, HOME)))

    async def ask(self, name: str, *parts: Part) -> Any:
        return await only(self.prediction.generate_content(call(question(name, *parts), MODEL)))

    async def count(self, name: str, *parts: Part) -> Any:
        request = CountTokensRequest(model=MODEL, generate_content_request=question(name, *parts))
        return await only(self.tokens.count_tokens(call(request, MODEL)))


def question(name: str, *parts: Part) -> GenerateContentRequest:
    content = Content(role="user", parts=[*parts, Part(text="What is it?")])
    return GenerateContentRequest(model=MODEL, cached_content=name, contents=[content])


def call(request: Message, resource: str) -> Call:
    return Call("a.Service.Method", request, START, "rest", resource=resource)


async def only(stream: AsyncIterator[Message]) -> Message:
    (message,) = [message async for message in stream]
    return message


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """The folder that stands for ``gs://shelf``: a picture, a text, ten seconds of sound."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    (shelf / "a.png").write_bytes(PNG)
    (shelf / "a.txt").write_text("A line.\n" * 40_000)
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 10))
    (shelf / "a.wav").write_bytes(sound.getvalue())
    return shelf


FILES = [
    Part(file_data=FileData(mime_type="image/png", file_uri="gs://shelf/a.png")),
    Part(text="Then:"),
    Part(file_data=FileData(mime_type="audio/wav", file_uri="gs://shelf/a.wav")),
    Part(file_data=FileData(mime_type="text/plain", file_uri="gs://shelf/a.txt")),
    Part(inline_data=Blob(mime_type="image/png", data=PNG)),
]


@pytest.fixture
async def contents(tmp_path: Path) -> AsyncIterator[BlobbedCachedContents]:
    database = await open_database(f"sqlite:///{tmp_path / 'geminid.db'}")
    contents = BlobbedCachedContents(database.cached_contents, BlobFolder(tmp_path / "blobs"))
    await contents.open()
    yield contents
    await contents.aclose()
    await database.aclose()


@pytest.fixture
async def start(
    contents: BlobbedCachedContents, judges: Judges, shelf: Path, tmp_path: Path
) -> AsyncIterator[Callable[..., Server]]:
    """Starts a server that has nothing of an earlier one but the store, and which of the buckets there are."""
    made: list[Understanding] = []

    def start(*, senses: bool = False, buckets: bool = True) -> Server:
        folder = tmp_path / f"cache{len(made)}"
        media = MediaSettings(
            reader="scripted", labeller="scripted", transcriber="scripted", cache_dir=str(folder),
            buckets={"shelf": str(shelf)} if buckets else {}, storage_endpoint="http://127.0.0.1:9",
        )  # fmt: skip
        made.append(understanding_of(Settings(media=media), {}))
        return Server(contents, made[-1], judges, senses=senses)

    yield start
    for understanding in made:
        await understanding.aclose()


@pytest.mark.parametrize("senses", [False, True], ids=["described", "shown"])
async def test_another_server_without_the_files_uses_what_was_understood(
    start: Callable[..., Server], shelf: Path, senses: bool
) -> None:
    first = start(senses=senses)
    created = await first.create(*FILES)
    await first.ask(created.name)
    understood = first.engine.media
    for name in ("a.png", "a.txt", "a.wav"):
        (shelf / name).unlink()

    second = start(senses=senses, buckets=False)
    answer = await second.ask(created.name, FILES[-1])

    assert second.engine.media[:-1] == understood
    assert [one.kind for one in understood] == [Kind.IMAGE, Kind.AUDIO, Kind.TEXT, Kind.IMAGE]
    assert answer.usage_metadata.cached_content_token_count == created.usage_metadata.total_token_count


async def test_what_is_shown_is_kept_as_it_is(start: Callable[..., Server]) -> None:
    server = start(senses=True)
    created = await server.create(*FILES)

    await server.ask(created.name)

    picture, sound, text, _ = server.engine.media
    assert isinstance(picture.shown[0], Picture)
    assert isinstance(sound.shown[0], Sound)
    assert sound.seconds == 10
    assert text.tokens is None


async def test_what_creation_counts_is_what_a_use_counts(start: Callable[..., Server]) -> None:
    server = start()
    created = await server.create(*FILES)
    total = created.usage_metadata.total_token_count

    answer, counted = await server.ask(created.name), await server.count(created.name)

    question_tokens = sum(await server.engine.count_tokens(["What is it?"]))
    used = answer.usage_metadata
    assert used.prompt_token_count == total + question_tokens
    assert used.cached_content_token_count == sum(one.token_count for one in used.cache_tokens_details) == total
    assert (counted.total_tokens, counted.cached_content_token_count) == (total + question_tokens, total)
    assert counted.cache_tokens_details == used.cache_tokens_details
    assert counted.prompt_tokens_details == used.prompt_tokens_details


async def test_files_of_the_request_are_numbered_after_those_of_the_cache(start: Callable[..., Server]) -> None:
    server = start()
    created = await server.create(*FILES)

    await server.ask(created.name, FILES[0])

    ends = [media.text.splitlines()[-1] for media in server.engine.media]
    assert [end.split()[-1] for end in ends] == ["1]", "2]", "3]", "4]", "5]"]


async def test_what_cannot_be_understood_is_not_cached(start: Callable[..., Server], shelf: Path) -> None:
    (shelf / "a.wav").unlink()

    with pytest.raises(NotFound, match=r"gs://shelf/a\.wav"):
        await start().create(*FILES)


async def test_pictures_that_were_kept_are_not_given_to_an_engine_that_is_blind(
    start: Callable[..., Server],
) -> None:
    created = await start(senses=True).create(*FILES)

    with pytest.raises(InvalidArgument, match="is expired"):
        await start(senses=False).ask(created.name)


async def test_a_description_serves_an_engine_that_sees(start: Callable[..., Server]) -> None:
    created = await start(senses=False).create(*FILES)
    server = start(senses=True)

    await server.ask(created.name)

    assert all(isinstance(each, str) for media in server.engine.media for each in media.shown)


async def test_files_themselves_are_not_kept(
    start: Callable[..., Server], contents: BlobbedCachedContents
) -> None:
    large = PNG + bytes(BLOB_BYTES)
    created = await start().create(Part(inline_data=Blob(mime_type="image/png", data=large)))

    record = await contents.get("p", "l", created.name.rpartition("/")[2], START)

    assert record
    assert not record.blob
    assert len(await contents.body(record) or b"") < 2_000


async def test_engines_are_told_who_asks_and_what_is_cached(start: Callable[..., Server]) -> None:
    server = start()
    created = await server.create(*FILES)
    content = Content(role="user", parts=[Part(text="Hi")])

    await server.ask(created.name)
    plain = GenerateContentRequest(model=MODEL, contents=[content])
    await only(server.prediction.generate_content(call(plain, MODEL)))

    cached, without = server.engine.asked
    assert cached.tenant == without.tenant == "p"
    assert cached.prefix is not None
    assert cached.prefix.key == created.name.rpartition("/")[2]
    assert without.prefix is None
