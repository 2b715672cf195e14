"""The fetcher as its caller sees it; first of all, what it must not touch."""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from made_media.hostile import uris

from geminid.errors import InvalidArgument, ResourceExhausted, Unavailable
from geminid.media import base
from geminid.media.fetch import Fetcher, Policy

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.mark.parametrize(
    "uri",
    [
        *(f"http://{host}:{{port}}/" for host in [*uris.LITERALS, *uris.NAMES]),
        *(f"https://{host}/" for host in ["127.0.0.1", "localhost", "169.254.169.254"]),
        *uris.FORMS,
    ],
)
async def test_no_connection_is_opened_for_what_is_not_public(
    uri: str, make: Any, names: Any, sockets: Any, canary: int
) -> None:
    names.table["two-addresses.test"] = [["93.184.216.34", "127.0.0.1"]]

    with pytest.raises(InvalidArgument) as refused:
        await make().get(uri.replace("{port}", str(canary)))

    assert sockets.opened == []
    assert refused.value.message.startswith(
        ("Unsupported file uri: ", "Cannot fetch content from the provided URL.")
    )


async def test_the_systems_own_resolver_is_checked_too(sockets: Any, canary: int, tmp_path: Path) -> None:
    fetcher = Fetcher(Policy(cache_dir=tmp_path), open_socket=sockets)

    with pytest.raises(InvalidArgument, match="REJECTED_ADDRESS"):
        await fetcher.get(f"http://localhost:{canary}/")

    assert sockets.opened == []
    await fetcher.aclose()


async def test_a_refusal_does_not_tell_what_a_name_resolves_to(make: Any, names: Any) -> None:
    names.table["internal.test"] = [["10.20.30.40"]]

    with pytest.raises(InvalidArgument) as refused:
        await make().get("http://internal.test/")

    assert "10.20.30.40" not in refused.value.message


async def test_files_are_brought_by_every_scheme(make: Any, serve: Any, tmp_path: Path) -> None:
    async def png(request: web.Request) -> web.Response:
        return web.Response(body=b"web", content_type="image/png")

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"disk")
    port = await serve(png)
    fetcher = make(networks=LOOPBACK, buckets={"pictures": folder}, file_roots=[folder])

    assert await fetcher.get(f"http://files.test:{port}/a.png") == base.File(b"web", "image/png")
    assert await fetcher.get("gs://pictures/a.png") == base.File(b"disk")
    assert await fetcher.get(f"file://{folder}/a.png") == base.File(b"disk")


async def test_a_bucket_that_is_a_folder_is_not_asked_for_on_the_web(
    make: Any, sockets: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"disk")

    file = await make(buckets={"pictures": tmp_path}).get("https://storage.googleapis.com/pictures/a.png")

    assert file == base.File(b"disk")
    assert sockets.opened == []


async def test_uploaded_files_are_found_by_id_and_owner(tmp_path: Path) -> None:
    async def find(file_id: str, owner: str) -> base.File:
        return base.File(f"{file_id} of {owner}".encode(), "text/plain")

    fetcher = Fetcher(Policy(cache_dir=tmp_path), uploads=find)
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"

    assert await fetcher.get(uri, owner="p") == base.File(b"abc of p", "text/plain")
    with pytest.raises(InvalidArgument, match="larger than the supported limit of 3 bytes"):
        await fetcher.get(uri, owner="p", limit=3)
    await fetcher.aclose()


async def test_gets_of_one_uri_are_one_download(local: Fetcher, serve: Any) -> None:
    requests, arrived, release = [], asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        requests.append(request.path)
        arrived.set()
        await release.wait()
        return web.Response(body=b"once")

    uri = f"http://files.test:{await serve(slow)}/a"
    gets = [asyncio.create_task(local.get(uri)) for _ in range(20)]
    async with asyncio.timeout(5):
        await arrived.wait()
        gets[0].cancel()
        release.set()
        answers = await asyncio.gather(*gets, return_exceptions=True)

    assert requests == ["/a"]
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [base.File(b"once", "application/octet-stream")] * 19


async def test_a_download_that_nobody_waits_for_ends(local: Fetcher, serve: Any) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        began.set()
        try:
            while True:
                await response.write(bytes(65536))
        finally:
            ended.set()

    get = asyncio.create_task(local.get(f"http://files.test:{await serve(endless)}/"))
    async with asyncio.timeout(5):
        await began.wait()
        get.cancel()
        await ended.wait()

    assert local.cache.used_bytes == 0


async def test_downloads_beyond_those_that_may_wait_are_refused(make: Any, serve: Any) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    port = await serve(never)
    fetcher = make(networks=LOOPBACK, abreast=2, waiting=3)
    gets = [asyncio.create_task(fetcher.get(f"http://files.test:{port}/{number}")) for number in range(5)]
    await asyncio.sleep(0)

    with pytest.raises(ResourceExhausted, match="TOO_MANY_PENDING"):
        await fetcher.get(f"http://files.test:{port}/5")

    await fetcher.aclose()
    assert {type(answer) for answer in await asyncio.gather(*gets, return_exceptions=True)} == {Unavailable}


async def test_one_limit_is_that_of_the_caller_the_other_that_of_the_policy(make: Any, serve: Any) -> None:
    async def sized(request: web.Request) -> web.Response:
        return web.Response(body=bytes(1000))

    uri = f"http://files.test:{await serve(sized)}/"
    fetcher = make(networks=LOOPBACK, max_bytes=999)

    with pytest.raises(InvalidArgument, match="limit of 10 bytes"):
        await fetcher.get(uri, limit=10)
    with pytest.raises(InvalidArgument, match="limit of 999 bytes"):
        await fetcher.get(uri, limit=2000)
