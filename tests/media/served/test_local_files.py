"""Buckets that are folders, and file://, through a whole server: no name leads out, only files are read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from made_media.hostile import pictures

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = pictures.png(99, 99)
"""A picture, so that whoever gets it can tell how large it is."""


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bucket`` and ``root`` may be read, ``outside`` may not."""
    disk = tmp_path_factory.mktemp("disk")
    for name in ("bucket/images", "root/images", "outside", "bucket-too"):
        (disk / name).mkdir(parents=True)
    for folder in (disk / "bucket", disk / "root"):
        (folder / "images" / "a.png").write_bytes(pictures.png())
        (folder / "link.png").symlink_to("images/a.png")
        (folder / "leak.png").symlink_to(disk / "outside" / "secret.png")
        (folder / "leaks").symlink_to(disk / "outside")
        (folder / "climb.png").symlink_to("../outside/secret.png")
        (folder / "device").symlink_to("/dev/zero")
        (folder / "loop").symlink_to("loop")
        os.mkfifo(folder / "pipe")
        with (folder / "sparse.png").open("wb") as file:
            file.truncate(3 * 1024**3)
    (disk / "outside" / "secret.png").write_bytes(SECRET)
    (disk / "bucket-too" / "secret.png").write_bytes(SECRET)
    return disk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(serve: Any, disk: Path) -> Any:
    return await serve(buckets={"pictures": str(disk / "bucket")}, file_roots=[str(disk / "root")])


@pytest.mark.parametrize(
    "uri", ["gs://pictures/images/a.png", "gs://pictures/link.png", "file://{disk}/root/images/a.png"]
)
async def test_a_file_of_the_folder_is_read(server: Any, by_uri: Any, disk: Path, uri: str) -> None:
    assert (await server.ask({"text": "?"}, by_uri(uri.format(disk=disk)))).status == 200


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("gs://pictures/../outside/secret.png", 400),
        ("gs://pictures/images/../../outside/secret.png", 400),
        ("gs://pictures/..", 400),
        ("gs://pictures//images/a.png", 400),
        ("gs://pictures/images//a.png", 400),
        ("gs://pictures/{disk}/outside/secret.png", 400),
        ("gs://pictures/./images/a.png", 400),
        ("gs://pictures/images/", 400),
        ("gs://pictures/%2e%2e/outside/secret.png", 400),
        ("gs://pictures/..%2foutside%2fsecret.png", 400),
        ("gs://pictures/..\\outside\\secret.png", 400),
        ("gs://pictures/a\x00.png", 400),
        ("gs://pictures/a\r\nb.png", 400),
        ("gs://pictures/" + "a" * 1025, 400),
        ("gs://../outside/secret.png", 400),
        ("gs:///pictures/images/a.png", 400),
        ("gs://PICTURES/images/a.png", 400),
        ("gs://pictures", 400),
        ("gs://pictures/", 400),
        ("gs://pictures/leak.png", 403),
        ("gs://pictures/climb.png", 403),
        ("gs://pictures/leaks/secret.png", 403),
        ("gs://pictures/device", 403),
        ("gs://pictures/loop", 404),
        ("gs://pictures/pipe", 404),
        ("gs://pictures/images", 404),
        ("gs://pictures/images/a.png/b", 404),
        ("gs://pictures/sparse.png", 400),
        ("gs://pictures/" + "a" * 300, 404),
        ("file:///etc/passwd", 400),
        ("file:///proc/self/environ", 400),
        ("file:///dev/zero", 400),
        ("file://{disk}/outside/secret.png", 400),
        ("file://{disk}/root/../outside/secret.png", 400),
        ("file://{disk}/root/%2e%2e/outside/secret.png", 400),
        ("file://{disk}/root/%2E%2E%2Foutside/secret.png", 400),
        ("file://{disk}/bucket/images/a.png", 400),
        ("file://{disk}/rooted/a.png", 400),
        ("file://evil.test{disk}/root/images/a.png", 400),
        ("file://{disk}/root/images/a.png%00.txt", 400),
        ("file:{disk}/root/images/a.png", 400),
        ("file://{disk}/root/leak.png", 403),
        ("file://{disk}/root/climb.png", 403),
        ("file://{disk}/root/leaks/secret.png", 403),
        ("file://{disk}/root/device", 403),
        ("file://{disk}/root", 404),
        ("file://{disk}/root/images", 404),
        ("file://{disk}/root/pipe", 404),
        ("file://{disk}/root/loop", 404),
        ("file://{disk}/root/none.png", 404),
        ("file://{disk}/root/sparse.png", 400),
        ("file://", 400),
    ],
)
async def test_nothing_else_is(server: Any, by_uri: Any, disk: Path, uri: str, status: int) -> None:
    answer = await server.ask({"text": "?"}, by_uri(uri.format(disk=disk)))

    assert answer.status == status
    assert answer.seconds < 5
    told = answer.message.replace(uri.format(disk=disk), "")
    assert "outside/secret" not in re.sub(r"Unsupported file uri: \S+", "", told)
    assert str(disk / "outside") not in told
    assert (await server.ask({"text": "?"}, by_uri("gs://pictures/images/a.png"))).status == 200


async def test_a_missing_object_tells_where_to_lay_its_file(server: Any, by_uri: Any, disk: Path) -> None:
    answer = await server.ask({"text": "?"}, by_uri("gs://pictures/images/scones.jpg"))

    assert answer.status == 404
    assert answer.body["error"]["status"] == "NOT_FOUND"
    assert answer.message == (
        f"gs://pictures/images/scones.jpg was not found: the folder {disk}/bucket stands for the bucket pictures, "
        f"and there is no file {disk}/bucket/images/scones.jpg."
    )


async def test_a_file_that_is_a_bomb_is_refused_wherever_it_lies(server: Any, by_uri: Any, disk: Path) -> None:
    (disk / "bucket" / "bomb.png").write_bytes(pictures.png(13_000, 13_000, pixels=b""))

    answer = await server.ask({"text": "?"}, by_uri("gs://pictures/bomb.png"))

    assert (answer.status, "40 megapixels" in answer.message) == (400, True)
