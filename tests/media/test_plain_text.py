"""Text is read whatever it was encoded in, and nothing else is."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from geminid.errors import InvalidArgument
from geminid.media import plain_text
from geminid.media.workers import Workers

Refusal: TypeAlias = Callable[..., Awaitable[str]]

FRENCH = "Café à la crème, s\u2019il vous plaît \u2014 déjà vu. 5 €"
RUSSIAN = "Привет, мир! Как дела сегодня? Всё хорошо, спасибо."
JAPANESE = "こんにちは世界。今日は天気がいいですね。明日も晴れるでしょう。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_it_is_told_by_its_marks_or_by_itself(encoding: str) -> None:
    assert plain_text.decode(FRENCH.encode(encoding)) == FRENCH


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(RUSSIAN, "cp1251"), (JAPANESE, "shift_jis"), ("안녕하세요 세계. 오늘 날씨가 좋네요.", "euc-kr")],
)
def test_other_scripts_are_guessed(text: str, encoding: str) -> None:
    assert plain_text.decode(text.encode(encoding)) == text


def test_what_was_declared_is_believed() -> None:
    page = f'<meta charset="koi8-r"><p>{RUSSIAN}'
    table = '<?xml version="1.0" encoding="iso-8859-2"?><a>Příliš žluťoučký</a>'

    assert plain_text.decode(RUSSIAN.encode("koi8-r"), "koi8-r") == RUSSIAN
    assert plain_text.decode(page.encode("koi8-r")) == page
    assert plain_text.decode(table.encode("iso-8859-2")) == table


@pytest.mark.parametrize("charset", ["", "no-such-charset", "hex", "ascii"])
def test_a_wrong_declaration_does_no_harm(charset: str) -> None:
    assert plain_text.decode(FRENCH.encode(), charset) == FRENCH
    assert plain_text.decode(FRENCH.encode("cp1252"), charset) == FRENCH


def test_broken_utf_8_is_read_as_browsers_would() -> None:
    assert plain_text.decode(b"caf\xc3\xa9 \x81 caf\xe9 and so on and on") == "cafÃ© \x81 café and so on and on"


@pytest.mark.parametrize("text", ["# Title\n\n* a", "a,b\r\n1,2\r\n", '{"a": [1]}', "<p>&amp;</p>", "\f\x1b[1m"])
def test_markup_is_left_as_it_is(text: str) -> None:
    assert plain_text.read(io.BytesIO(text.encode())) == text


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        b"text\0text",
        "naïve".encode("utf-16-le"),
        b"\xff\xfe\0",
        b"\xff\xfe\0\xd8",
        b"\xef\xbb\xbf\xff\xff\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match="Provided text is not valid"):
        plain_text.decode(data)


def test_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="empty file"):
        plain_text.decode(b"")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_worker_reads_a_large_text(workers: Workers) -> None:
    text = FRENCH * 100_000

    assert await workers.run("plain_text.read", text.encode()) == text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_worker_refuses_what_is_none(refused: Refusal) -> None:
    assert await refused("plain_text.read", b"a\0") == "Provided text is not valid."
