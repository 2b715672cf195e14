"""http and https: redirects, names that change their minds, servers that misbehave, and what is kept."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from geminid.errors import InvalidArgument, ResourceExhausted
from geminid.media import base
from geminid.media.fetch import Fetcher

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
LARGE = base.IN_MEMORY_BYTES + 1


async def picture(request: web.Request) -> web.Response:
    return web.Response(body=b"picture", content_type="image/png")


async def refusal(fetcher: Fetcher, uri: str, **keywords: Any) -> str:
    with pytest.raises(InvalidArgument) as refused:
        await fetcher.get(uri, **keywords)
    return refused.value.message


# Names


async def test_a_name_is_resolved_once_and_the_connection_goes_where_it_was_checked(
    make: Any, names: Any, sockets: Any, serve: Any
) -> None:
    names.table["rebinding.test"] = [["127.0.0.1"], ["10.0.0.1"]]
    port = await serve(picture)

    file = await make(networks=LOOPBACK).get(f"http://rebinding.test:{port}/")

    assert file.content == b"picture"
    assert names.asked == ["rebinding.test"]
    assert sockets.opened == ["127.0.0.1"]


async def test_a_name_that_turns_private_is_not_connected_to(
    make: Any, names: Any, sockets: Any, canary: int
) -> None:
    names.table["rebinding.test"] = [["93.184.216.34"], ["127.0.0.1"]]
    fetcher = make()

    first = await refusal(fetcher, f"http://rebinding.test:{canary}/")
    second = await refusal(fetcher, f"http://rebinding.test:{canary}/")

    assert "UNREACHABLE_NO_RESPONSE" in first
    assert "REJECTED_ADDRESS" in second
    assert sockets.opened == ["93.184.216.34"]


@pytest.mark.parametrize(
    "addresses",
    [
        ["93.184.216.34", "10.0.0.1"],
        ["10.0.0.1", "93.184.216.34"],
        ["2606:4700::1", "::1"],
        ["64:ff9b::a00:1"],
        [],
    ],
)
async def test_every_address_of_a_name_must_be_public(
    addresses: list[str], make: Any, names: Any, sockets: Any
) -> None:
    names.table["some.test"] = [addresses]

    await refusal(make(), "http://some.test/")

    assert sockets.opened == []


async def test_a_name_without_an_address_is_not_reachable(make: Any, names: Any) -> None:
    names.table["nowhere.test"] = [[]]

    assert "URL_UNREACHABLE-UNREACHABLE_NO_RESPONSE" in await refusal(make(), "http://nowhere.test/")


async def test_host_and_certificate_are_those_of_the_name(make: Any, serve: Any, tls: Any) -> None:
    hosts = []

    async def note(request: web.Request) -> web.Response:
        hosts.append(request.headers["Host"])
        return await picture(request)

    port = await serve(note, tls.server)
    fetcher = make(networks=LOOPBACK, tls=tls.client)

    assert (await fetcher.get(f"https://files.test:{port}/")).content == b"picture"
    assert "UNREACHABLE" in await refusal(fetcher, f"https://other.test:{port}/")
    assert hosts == [f"files.test:{port}"]


async def test_nothing_of_the_caller_or_the_server_goes_along(
    local: Fetcher, serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def note(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        response = web.Response(status=302, headers={"Location": "/b"}) if request.path == "/a" else web.Response()
        response.set_cookie("a", "b")
        return response

    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    await local.get(f"http://files.test:{await serve(note)}/a")

    sent = {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
    assert [set(headers) for headers in seen] == [sent, sent]
    assert seen[0]["Accept-Encoding"] == "identity"


# Redirects


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://10.0.0.1/", "REJECTED_ADDRESS"),
        ("http://169.254.169.254/latest/meta-data/", "REJECTED_ADDRESS"),
        ("http://[::1]/", "REJECTED_ADDRESS"),
        ("//10.0.0.1/", "REJECTED_ADDRESS"),
        ("http://private.test/", "REJECTED_ADDRESS"),
        ("http://2130706433/", "REJECTED_REDIRECT"),
        ("http://user@files.test/", "REJECTED_REDIRECT"),
        ("http://files.test:22/", "REJECTED_REDIRECT"),
        ("http://files.test\\@127.0.0.1/", "REJECTED_REDIRECT"),
        ("file:///etc/passwd", "REJECTED_REDIRECT"),
        ("gopher://127.0.0.1/", "REJECTED_REDIRECT"),
        ("gs://bucket/object", "REJECTED_REDIRECT"),
        ("data:text/plain,hello", "REJECTED_REDIRECT"),
        ("javascript:alert(1)", "REJECTED_REDIRECT"),
        ("", "REJECTED_REDIRECT"),
    ],
)
async def test_redirects_are_checked_like_the_first_url(
    location: str, why: str, local: Fetcher, names: Any, sockets: Any, serve: Any
) -> None:
    names.table["private.test"] = [["10.0.0.1"]]

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    message = await refusal(local, f"http://files.test:{await serve(redirect)}/")

    assert why in message
    assert sockets.opened == ["127.0.0.1"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(status: int, local: Fetcher, serve: Any) -> None:
    async def redirect(request: web.Request) -> web.Response:
        if request.path == "/a/b":
            return web.Response(status=status, headers={"Location": "../c?d=%2F#e"})
        return web.Response(text=request.path_qs)

    file = await local.get(f"http://files.test:{await serve(redirect)}/a/b")

    assert file == base.File(b"/c?d=%2F", "text/plain")


async def test_redirects_come_to_an_end(local: Fetcher, sockets: Any, serve: Any) -> None:
    async def again(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"/{int(request.path[1:]) + 1}"})

    message = await refusal(local, f"http://files.test:{await serve(again)}/0")

    assert message.endswith("There are more than 5 redirects.")
    assert len(sockets.opened) == 6


async def test_a_redirect_may_turn_to_https_but_not_away(make: Any, serve: Any, tls: Any) -> None:
    async def to_target(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["to"]})

    plain, secure = await serve(to_target), await serve(to_target, tls.server)
    target = f"https://files.test:{await serve(picture, tls.server)}/"
    fetcher = make(networks=LOOPBACK, tls=tls.client)

    assert (await fetcher.get(f"http://files.test:{plain}/?to={target}")).content == b"picture"
    message = await refusal(fetcher, f"https://files.test:{secure}/?to=http://files.test:{plain}/")
    assert message.endswith("It redirects from https to http.")


# Answers


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (404, "URL_ERROR-ERROR_NOT_FOUND"),
        (410, "URL_ERROR-ERROR_NOT_FOUND"),
        (401, "URL_ERROR-ERROR_ACCESS_DENIED"),
        (403, "URL_ERROR-ERROR_ACCESS_DENIED"),
        (429, "URL_REJECTED-REJECTED_RATE_LIMITED"),
        (500, "URL_UNREACHABLE-UNREACHABLE_5xx"),
        (204, "URL_ERROR-ERROR_OTHER"),
        (206, "URL_ERROR-ERROR_OTHER"),
        (304, "URL_ERROR-ERROR_OTHER"),
        (418, "URL_ERROR-ERROR_OTHER"),
    ],
)
async def test_only_200_is_the_file(status: int, told: str, local: Fetcher, serve: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    message = await refusal(local, f"http://files.test:{await serve(answer)}/")

    assert message == (
        "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible by Vertex AI. "
        "Vertex AI respects robots.txt rules, so confirm the URL is allowed to be crawled. "
        f"Status: {told}"
    )


async def test_the_type_is_that_which_is_told(local: Fetcher, raw: Any) -> None:
    async def html() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: Image/PNG; charset=x\r\nContent-Length: 6\r\n\r\n<html>"

    assert await local.get(f"http://files.test:{await raw(html)}/") == base.File(b"<html>", "image/png")


async def drip(head: bytes, piece: bytes) -> AsyncIterator[bytes]:
    yield head
    while True:
        yield piece
        await asyncio.sleep(0.01)


async def flood(head: bytes, piece: bytes) -> AsyncIterator[bytes]:
    yield head
    while True:
        yield piece


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 ", b""),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    ],
)
async def test_a_slow_server_is_given_up(head: bytes, piece: bytes, make: Any, raw: Any) -> None:
    port = await raw(lambda: drip(head, piece))

    message = await refusal(make(networks=LOOPBACK, seconds=0.3), f"http://files.test:{port}/")

    assert message.endswith("URL_TIMEOUT-TIMEOUT_FETCHPROXY")


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(65536) + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", bytes(65536)),
    ],
)
async def test_an_endless_file_is_too_large(head: bytes, piece: bytes, make: Any, raw: Any) -> None:
    fetcher = make(networks=LOOPBACK, max_bytes=12_000_000)

    message = await refusal(fetcher, f"http://files.test:{await raw(lambda: flood(head, piece))}/")

    assert "larger than the supported limit of 12000000 bytes" in message
    assert fetcher.cache.used_bytes == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x01\x02\x03" * 100,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 100_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + b"long" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_a_server_that_breaks_the_rules_is_refused(answer: bytes, local: Fetcher, raw: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield answer

    message = await refusal(local, f"http://files.test:{await raw(pieces)}/")

    assert message.startswith("Cannot fetch content from the provided URL.")


# What is kept


class Versioned:
    """A server of one file that tells a validator; ``sent`` counts how often the file went out."""

    def __init__(self, body: bytes, **headers: str) -> None:
        self.body = body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.sent = 0

    async def answer(self, request: web.Request) -> web.Response:
        asked = request.headers.get("If-None-Match") or request.headers.get("If-Modified-Since")
        if asked and asked in self.headers.values():
            return web.Response(status=304)
        self.sent += 1
        return web.Response(body=self.body, headers=self.headers, content_type="image/png")


@pytest.mark.parametrize("size", [100, LARGE])
@pytest.mark.parametrize("validator", [{"ETag": '"1"'}, {"Last_Modified": "Mon, 01 Jun 2026 00:00:00 GMT"}])
async def test_a_file_that_did_not_change_is_not_sent_again(
    validator: dict[str, str], size: int, local: Fetcher, serve: Any
) -> None:
    server = Versioned(bytes(size), **validator)
    uri = f"http://files.test:{await serve(server.answer)}/"

    first = await local.get(uri)
    second = await local.get(uri)

    assert first == second
    assert second.mime_type == "image/png"
    assert server.sent == 1
    assert local.cache.used_bytes == size


async def test_a_file_that_changed_is_sent_again(local: Fetcher, serve: Any) -> None:
    server = Versioned(b"old", ETag='"1"')
    uri = f"http://files.test:{await serve(server.answer)}/"
    await local.get(uri)

    server.body, server.headers = b"new", {"ETag": '"2"'}

    assert (await local.get(uri)).content == b"new"
    assert (await local.get(uri)).content == b"new"
    assert server.sent == 2


@pytest.mark.parametrize("headers", [{}, {"ETag": '"1"', "Cache_Control": "private, No-Store"}])
async def test_a_small_file_that_cannot_or_must_not_be_kept_is_not(
    headers: dict[str, str], local: Fetcher, serve: Any
) -> None:
    server = Versioned(b"fresh", **headers)
    uri = f"http://files.test:{await serve(server.answer)}/"

    await local.get(uri)
    await local.get(uri)

    assert server.sent == 2
    assert local.cache.used_bytes == 0


async def test_what_is_kept_is_not_given_where_fetching_is_no_longer_allowed(
    make: Any, names: Any, serve: Any
) -> None:
    names.table["files.test"] = [["127.0.0.1"], ["10.0.0.1"]]
    fetcher = make(networks=LOOPBACK)
    uri = f"http://files.test:{await serve(Versioned(b'file', ETag='1').answer)}/"
    await fetcher.get(uri)

    assert "REJECTED_ADDRESS" in await refusal(fetcher, uri)


async def test_what_is_kept_is_still_measured_by_the_callers_limit(local: Fetcher, serve: Any) -> None:
    uri = f"http://files.test:{await serve(Versioned(bytes(100), ETag='1').answer)}/"
    await local.get(uri)

    assert "limit of 99 bytes" in await refusal(local, uri, limit=99)


async def test_files_in_use_are_not_removed_for_others(make: Any, serve: Any, tmp_path: Path) -> None:
    fetcher = make(networks=LOOPBACK, cache_bytes=LARGE * 2 + 2)

    async def large(request: web.Request) -> web.Response:
        return web.Response(body=request.path.encode() * (LARGE // 2 + 1))

    url = f"http://files.test:{await serve(large)}"
    first, second = await fetcher.get(f"{url}/a"), await fetcher.get(f"{url}/b")

    with pytest.raises(ResourceExhausted, match="no room"):
        await fetcher.get(f"{url}/c")
    del first
    third = await fetcher.get(f"{url}/c")

    assert isinstance(second.content, Path)
    assert isinstance(third.content, Path)
    assert second.content.read_bytes()[:2] == b"/b"
    assert third.content.read_bytes()[:2] == b"/c"
    assert fetcher.cache.used_bytes <= LARGE * 2 + 2
