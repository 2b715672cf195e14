"""Files that are out to harm, inline, through a whole server: each is refused in time, and nobody else notices."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import pytest_asyncio
from made_media import documents as good_documents
from made_media import recordings as good_recordings
from made_media.hostile import documents, pictures, recordings, texts
from made_media.pictures import CANVAS, drawn, saved

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_SECONDS = 20
"""The promise is ten; the machines that run tests are sometimes busy."""
BETRAYAL = re.compile(r"/|0x[0-9a-f]{4}|Traceback|Error|\.py|<_io|[Pp]illow|pdfium|FFmpeg|PyAV|libav|errno")
"""What no message may tell, links and media types apart."""

REFUSED = {
    **{name: ("image/png", make) for name, make in pictures.REFUSED.items()},
    **{f"pdf: {name}": ("application/pdf", make) for name, make in documents.REFUSED.items()},
    **recordings.REFUSED,
    **texts.REFUSED,
}
HARMLESS = {
    **{name: ("image/png", make) for name, make in pictures.HARMLESS.items()},
    **{f"pdf: {name}": ("application/pdf", make) for name, make in documents.BOUNDED.items()},
    **recordings.HARMLESS,
    **texts.HARMLESS,
}


def check_message(message: str) -> None:
    said = re.sub(r"https://\S+|with value .*, which is not", "", message)
    assert said
    assert len(message) < 1000
    assert not BETRAYAL.search(said), message


async def check_unharmed(servers: list[Any], picture: Any, decoders: Callable[[], list[int]]) -> None:
    answers = await asyncio.gather(*(server.ask({"text": "?"}, picture) for server in servers))
    assert [answer.status for answer in answers] == [200] * len(servers)
    assert len(decoders()) <= sum(server.app.settings.media.workers for server in servers)


@pytest.mark.parametrize("name", REFUSED)
async def test_a_hostile_file_is_refused(
    seeing: Any, blind: Any, inline: Any, picture: Any, decoders: Any, name: str
) -> None:
    mime_type, make = REFUSED[name]
    part = inline(mime_type, make())

    answers = await asyncio.gather(*(server.ask({"text": "?"}, part) for server in (seeing, blind)))

    harmless_if_read = name.removeprefix("pdf: ") in documents.DRAWN
    for answer in answers[:1] if harmless_if_read else answers:
        assert answer.status == 400
        assert answer.seconds < MOST_SECONDS
        assert (answer.body["error"]["code"], answer.body["error"]["status"]) == (400, "INVALID_ARGUMENT")
        check_message(answer.message)
    await check_unharmed([seeing, blind], picture, decoders)


@pytest.mark.parametrize("name", HARMLESS)
async def test_a_file_that_is_more_than_it_seems_does_no_harm(
    seeing: Any, blind: Any, inline: Any, picture: Any, decoders: Any, name: str
) -> None:
    mime_type, make = HARMLESS[name]
    part = inline(mime_type, make())

    answers = await asyncio.gather(*(server.ask({"text": "?"}, part) for server in (seeing, blind)))

    for answer in answers:
        assert answer.seconds < MOST_SECONDS
        assert answer.status in (200, 400)
        if answer.status == 400:
            check_message(answer.message)
    await check_unharmed([seeing, blind], picture, decoders)


GOOD = {
    "image/png": pictures.png(40, 30),
    "image/jpeg": saved(drawn({(40, 40): "Hello"}), "image/jpeg"),
    "image/gif": saved(drawn({}, canvas=(60, 40)), "image/gif"),
    "image/webp": saved(drawn({(40, 40): "Hello"}, canvas=CANVAS), "image/webp"),
    "image/tiff": saved(drawn({}, canvas=(60, 40)), "image/tiff"),
    "application/pdf": good_documents.typed(),
    "audio/wav": good_recordings.sound("wav", "pcm_s16le"),
    "audio/mpeg": good_recordings.sound("mp3", "libmp3lame"),
    "video/mp4": good_recordings.film("mp4", "libx264", seconds=2),
    "video/webm": good_recordings.film("webm", "libvpx", seconds=2),
    "text/plain": b"All happy families are alike.",
}


@pytest.mark.parametrize("mime_type", GOOD)
async def test_a_file_that_is_cut_off_is_shorter_or_refused(
    seeing: Any, inline: Any, picture: Any, decoders: Any, mime_type: str
) -> None:
    content = GOOD[mime_type]
    for end in [3, 13, *(len(content) * n // 8 for n in range(1, 8)), len(content) - 1]:
        answer = await seeing.ask({"text": "?"}, inline(mime_type, content[:end]))

        assert answer.status in (200, 400)
        assert answer.seconds < MOST_SECONDS
        if answer.status == 400:
            check_message(answer.message)

    assert (await seeing.ask({"text": "?"}, inline(mime_type, content))).status == 200
    await check_unharmed([seeing], picture, list)


@pytest.mark.parametrize("mime_type", GOOD)
async def test_wrong_bytes_in_a_file_do_no_harm(seeing: Any, inline: Any, picture: Any, mime_type: str) -> None:
    chance = random.Random(mime_type)
    for _ in range(4):
        content = bytearray(GOOD[mime_type])
        for _ in range(max(3, len(content) // 500)):
            content[chance.randrange(len(content))] = chance.randrange(256)

        answer = await seeing.ask({"text": "?"}, inline(mime_type, bytes(content)))

        assert answer.status in (200, 400)
        assert answer.seconds < MOST_SECONDS
        if answer.status == 400:
            check_message(answer.message)
    await check_unharmed([seeing], picture, list)


def kind(mime_type: str) -> str:
    return mime_type.partition("/")[0]


async def test_what_is_of_another_kind_than_it_was_declared_is_refused(seeing: Any, inline: Any) -> None:
    for declared, actual in product(GOOD, GOOD):
        if kind(declared) != kind(actual) and (declared, actual) != ("text/plain", "application/pdf"):
            answer = await seeing.ask({"text": "?"}, inline(declared, GOOD[actual]))
            assert (answer.status, answer.message.endswith("is not valid.")) == (400, True), (declared, actual)


async def test_what_names_other_files_opens_none(seeing: Any, blind: Any, inline: Any, tmp_path: Any) -> None:
    """Neither a file that is there nor a server that listens."""
    (tmp_path / "film.mp4").write_bytes(GOOD["video/mp4"])
    callers: list[Any] = []
    server = await asyncio.start_server(lambda _, writer: callers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    named = [bytes(tmp_path / "film.mp4"), b"http://127.0.0.1:%d/film.mp4" % port, b"tcp://127.0.0.1:%d" % port]
    contents = [content.replace(b"%b", name) for content in recordings.PRETENDERS.values() for name in named]
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1:%d/'/></svg>" % port
    types = ["video/mp4", "video/webm", "audio/mpeg", "image/png", "application/pdf"]

    for content, mime_type in product([*contents, svg, recordings.referring(named[0])], types):
        if content:
            answer = await (seeing if len(content) % 2 else blind).ask({"text": "?"}, inline(mime_type, content))
            assert answer.status == 400, (content[:40], mime_type)

    server.close()
    await server.wait_closed()
    assert callers == []


async def test_work_without_end_ends(seeing: Any, blind: Any, inline: Any, picture: Any, decoders: Any) -> None:
    """Text is answered meanwhile."""
    hostile = [
        asyncio.create_task(seeing.ask({"text": "?"}, inline("image/jpeg", pictures.endless()))),
        asyncio.create_task(seeing.ask({"text": "?"}, inline("application/pdf", documents.painted(60_000)))),
        asyncio.create_task(blind.ask({"text": "?"}, inline("image/jpeg", pictures.endless()))),
    ]
    plain = []
    while not all(task.done() for task in hostile):
        plain.append((await seeing.ask({"text": "?"})).seconds)
        await asyncio.wait(hostile, timeout=0.05)

    for task in hostile:
        answer = task.result()
        assert answer.status == 400
        assert answer.message.endswith("in time. Provide a simpler file and try again.")
        assert answer.seconds < MOST_SECONDS
    assert max(plain) < 5  # and the hostile ones take eight
    await check_unharmed([seeing, blind], picture, decoders)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reading(serve: Any) -> Any:
    """A server whose pictures are read in earnest."""
    pytest.importorskip("rapidocr")
    return await serve(sees=False, reader="rapidocr", labeller="none")


@pytest.mark.parametrize(
    "name",
    [
        "png of 169 megapixels",
        "png cut in its pixels",
        "gif of 4 gigapixels",
        "webp cut in half",
        "pdf: encrypted",
    ],
)
async def test_the_reader_of_pictures_is_not_harmed_either(reading: Any, inline: Any, name: str) -> None:
    mime_type, make = REFUSED[name]

    answer = await reading.ask({"text": "?"}, inline(mime_type, make()))

    assert answer.status == 400
    check_message(answer.message)
    assert (await reading.ask({"text": "?"}, inline("image/jpeg", GOOD["image/jpeg"]))).status == 200
