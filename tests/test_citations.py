"""Answers that quote are cited, through the doors; the index may change while the server runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from geminid.cli import app
from geminid.settings import Safety

MODEL = "gemini-1.5-flash-002"
SENTENCES = [
    f"In the year {1800 + number} the keeper of the {name} lighthouse wrote down the weather of every single day, "
    f"and not one of the ships that passed by ever learned of it."
    for number, name in enumerate(
        ["northern", "southern", "eastern", "western", "old", "new", "inner", "outer"] * 3
    )
]
BOOK = " ".join(SENTENCES)
QUOTE = " ".join(SENTENCES[:2])


@pytest.fixture
def add(tmp_path: Path) -> Any:
    """Adds a text to the index of the server whose state is here."""

    def add(name: str, text: str, *details: str) -> None:
        (tmp_path / name).write_text(text)
        result = CliRunner().invoke(
            app, ["citations", "--state", str(tmp_path), "add", str(tmp_path / name), *details]
        )
        assert result.exit_code == 0, result.output

    return add


@pytest.fixture
def quoting(start: Any) -> Any:
    """A server that says a text around a quotation, cut into pieces."""

    async def quoting(text: str) -> Any:
        return await start({"chunks": [text[at : at + 30] for at in range(0, len(text), 30)]})

    return quoting


async def answer(server: Any, tail: str = "generateContent") -> Any:
    _, body = await server.post(f"{MODEL}:{tail}", {"contents": {"parts": {"text": "Tell me."}}})
    return json.loads(body)


async def test_a_quotation_is_cited_in_bytes(add: Any, quoting: Any) -> None:
    add(
        "book.txt",
        BOOK,
        "--uri",
        "https://a.test/b",
        "--title",
        "Log",
        "--license",
        "CC0-1.0",
        "--date",
        "1899-05",
    )
    server = await quoting(f"Voilà 🗻: {QUOTE} So much for that.")

    (candidate,) = (await answer(server))["candidates"]

    (citation,) = candidate["citationMetadata"]["citations"]
    start, end = citation.pop("startIndex"), citation.pop("endIndex")
    assert candidate["content"]["parts"][0]["text"].encode()[start:end].decode() == QUOTE.rstrip(".")
    assert citation == {
        "uri": "https://a.test/b",
        "title": "Log",
        "license": "CC0-1.0",
        "publicationDate": {"year": 1899, "month": 5},
    }


async def test_a_stream_has_its_citations_at_its_end(add: Any, quoting: Any) -> None:
    add("book.txt", BOOK)
    server = await quoting(f"See: {QUOTE}")

    *chunks, last = await answer(server, "streamGenerateContent")

    assert all("citationMetadata" not in chunk["candidates"][0] for chunk in chunks)
    assert len(last["candidates"][0]["citationMetadata"]["citations"]) == 1


async def test_what_is_told_in_other_words_is_not_cited(add: Any, quoting: Any) -> None:
    add("book.txt", BOOK)
    server = await quoting("The lighthouse keepers of that century noted the weather, unread by any ship.")

    assert "citationMetadata" not in (await answer(server))["candidates"][0]


@pytest.mark.parametrize("tail", ["generateContent", "streamGenerateContent"])
async def test_a_long_run_is_a_recitation(add: Any, quoting: Any, tail: str) -> None:
    add("book.txt", BOOK)
    server = await quoting(" ".join(BOOK.split()[:400]))

    got = await answer(server, tail)

    last = got[-1] if isinstance(got, list) else got
    assert last["candidates"][0]["finishReason"] == "RECITATION"
    assert "content" not in last["candidates"][0]


async def test_the_index_may_change_while_the_server_runs(add: Any, quoting: Any) -> None:
    server = await quoting(QUOTE)
    before = await answer(server)

    add("book.txt", BOOK)
    after = await answer(server)

    assert "citationMetadata" not in before["candidates"][0]
    assert "citationMetadata" in after["candidates"][0]


async def test_the_developer_api_has_sources(add: Any, quoting: Any) -> None:
    add("book.txt", BOOK, "--uri", "https://a.test/b")
    server = await quoting(QUOTE)

    url = f"{server.url}/v1beta/models/{MODEL}:generateContent?key=k"
    async with server.session.post(url, json={"contents": {"parts": {"text": "Tell me."}}}) as response:
        (candidate,) = (await response.json())["candidates"]

    (source,) = candidate["citationMetadata"]["citationSources"]
    assert source["uri"] == "https://a.test/b"


async def test_a_stream_that_recites_is_cited_as_far_as_it_went(add: Any, quoting: Any) -> None:
    add("book.txt", BOOK)
    server = await quoting(" ".join(BOOK.split()[:400]))

    *chunks, last = await answer(server, "streamGenerateContent")

    sent = "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
    (citation,) = last["candidates"][0]["citationMetadata"]["citations"]
    assert citation["endIndex"] == len(sent.encode())


async def test_what_is_withheld_is_not_cited(add: Any, start: Any) -> None:
    add("book.txt", BOOK)
    server = await start({"chunks": [QUOTE, " HARASSMENT:HIGH"]}, safety=Safety(rater="scripted"))

    _, body = await server.post("gemini-1.5-flash-001:generateContent", {"contents": {"parts": {"text": "Tell."}}})

    (candidate,) = json.loads(body)["candidates"]
    assert candidate["finishReason"] == "SAFETY"
    assert "citationMetadata" not in candidate
