"""Cloud Storage: an emulator where it is installed, and servers that answer as Cloud Storage does."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from aiohttp import web

from geminid.errors import ApiError, InvalidArgument, NotFound, PermissionDenied, Unavailable
from geminid.media import base
from geminid.media.fetch import Fetcher

LARGE = base.IN_MEMORY_BYTES + 1


def emulator() -> str:
    """fake-gcs-server, from the path or from where clients for tests are kept."""
    kept = platformdirs.user_cache_path("geminid", appauthor=False) / "clients" / "go" / "bin"
    found = shutil.which("fake-gcs-server", path=os.pathsep.join([str(kept), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"GOBIN={kept} go install github.com/fsouza/fake-gcs-server@latest")
    return found


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("the emulator does not listen")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[str]:
    """An emulator with the buckets ``pictures`` and ``empty``."""
    data = tmp_path_factory.mktemp("data")
    (data / "empty").mkdir()
    (data / "pictures" / "folder").mkdir(parents=True)
    (data / "pictures" / "folder" / "a b#c%d?.txt").write_text("text")
    (data / "pictures" / "large.bin").write_bytes(os.urandom(LARGE))
    port = free_port()
    address = f"127.0.0.1:{port}"
    options = f"-scheme http -host 127.0.0.1 -port {port} -public-host {address} -backend memory -data {data}"
    process = subprocess.Popen(
        [emulator(), *options.split()], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield address
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def cloud(make: Any, endpoint: str) -> Fetcher:
    made: Fetcher = make(storage_endpoint=endpoint)
    return made


async def test_an_object_is_brought_with_its_type(cloud: Fetcher) -> None:
    file = await cloud.get("gs://pictures/folder/a b#c%d?.txt")

    assert file == base.File(b"text", "text/plain")


async def test_a_large_object_goes_to_disk_and_is_brought_once(cloud: Fetcher) -> None:
    first = await cloud.get("gs://pictures/large.bin")
    second = await cloud.get("gs://pictures/large.bin")

    assert isinstance(first.content, Path)
    assert first.size == LARGE
    assert second.content == first.content
    assert cloud.cache.used_bytes == LARGE


@pytest.mark.parametrize("uri", ["gs://pictures/none.jpg", "gs://pictures/folder", "gs://nobodys-bucket/a.jpg"])
async def test_what_is_missing_is_not_found(uri: str, cloud: Fetcher) -> None:
    with pytest.raises(NotFound, match=f"^{uri} was not found.$"):
        await cloud.get(uri)


async def test_an_object_has_a_limit(cloud: Fetcher) -> None:
    with pytest.raises(InvalidArgument, match="limit of 1000000 bytes"):
        await cloud.get("gs://pictures/large.bin", limit=1_000_000)


@pytest.mark.parametrize(
    ("status", "refused"),
    [(401, PermissionDenied), (403, PermissionDenied), (404, NotFound), (400, Unavailable), (500, Unavailable)],
)
async def test_errors_of_cloud_storage_are_told(
    status: int, refused: type[ApiError], make: Any, serve: Any
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text="<Error/>")

    seconds = 0.5 if refused is Unavailable else 30.0  # what may be over soon is asked again until then
    fetcher = make(storage_endpoint=f"http://127.0.0.1:{await serve(answer)}", seconds=seconds)

    with pytest.raises(refused) as error:
        await fetcher.get("gs://pictures/a")

    if refused is PermissionDenied:
        assert error.value.message.startswith("Permission denied while accessing input file. Learn more about")
    if refused is Unavailable:
        assert 'below [media.buckets], pictures = "./buckets/pictures"' in error.value.message


async def test_a_storage_that_never_answers_is_given_up(make: Any, raw: Any) -> None:
    async def nothing() -> Any:
        import asyncio

        await asyncio.Event().wait()
        yield b""

    fetcher = make(storage_endpoint=f"127.0.0.1:{await raw(nothing)}", object_seconds=0.3)

    with pytest.raises(Unavailable):
        await fetcher.get("gs://pictures/a")


async def test_credentials_of_the_environment_are_not_used(
    make: Any, serve: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []

    async def note(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("Authorization")))
        return web.Response(
            body=b"file", headers={"ETag": '"1"', "Last-Modified": "Mon, 01 Jun 2026 00:00:00 GMT"}
        )

    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "secret")
    monkeypatch.setenv("GOOGLE_BASE_URL", "http://127.0.0.1:9")

    await make(storage_endpoint=f"http://127.0.0.1:{await serve(note)}").get("gs://pictures/a")

    assert seen == [("/pictures/a", None)]
