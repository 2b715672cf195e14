"""Files of this machine: folders that stand for buckets, and the roots of file://."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from geminid.errors import ApiError, InvalidArgument, NotFound, PermissionDenied
from geminid.media import base
from geminid.media.fetch import Fetcher


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def bucket(tmp_path: Path, outside: Path) -> Path:
    folder = tmp_path / "bucket"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a b.jpg").write_bytes(b"picture")
    (folder / "shortcut.jpg").symlink_to("images/a b.jpg")
    (folder / "leak.txt").symlink_to(outside / "secret.txt")
    (folder / "leaks").symlink_to(outside)
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.fixture
async def fetcher(make: Any, bucket: Path) -> Fetcher:
    made: Fetcher = make(buckets={"cloud-samples-data": bucket}, file_roots=[bucket])
    return made


@pytest.mark.parametrize("name", ["images/a b.jpg", "shortcut.jpg"])
async def test_an_object_is_the_file_of_that_name(name: str, fetcher: Fetcher) -> None:
    assert await fetcher.get(f"gs://cloud-samples-data/{name}") == base.File(b"picture")


async def test_a_missing_object_tells_which_file_was_looked_for(fetcher: Fetcher, bucket: Path) -> None:
    with pytest.raises(NotFound) as missing:
        await fetcher.get("gs://cloud-samples-data/images/scones.jpg")

    assert missing.value.message == (
        "gs://cloud-samples-data/images/scones.jpg was not found: the folder "
        f"{bucket} stands for the bucket cloud-samples-data, and there is no file {bucket}/images/scones.jpg."
    )


@pytest.mark.parametrize(
    "name",
    [
        "../outside/secret.txt",
        "images/../../outside/secret.txt",
        "..",
        ".",
        "images/./a b.jpg",
        "/etc/passwd",
        "//etc/passwd",
        "images//a b.jpg",
        "images/",
        "%2e%2e/outside/secret.txt",
        "%2E%2E%2Foutside%2fsecret.txt",
        ".%2e/outside/secret.txt",
        "..%2foutside/secret.txt",
        "..\\outside\\secret.txt",
        "..%5coutside%5csecret.txt",
        "images/..",
        "a\x00b",
        "a\nb",
        "x" * 1025,
    ],
)
async def test_a_name_that_is_a_path_to_elsewhere_is_refused(name: str, fetcher: Fetcher) -> None:
    with pytest.raises(InvalidArgument, match=r"^Unsupported file uri: "):
        await fetcher.get(f"gs://cloud-samples-data/{name}")


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("leak.txt", PermissionDenied),
        ("leaks/secret.txt", PermissionDenied),
        ("leaks", PermissionDenied),
        ("loop", NotFound),
        ("pipe", NotFound),
        ("images", NotFound),
        ("images/a b.jpg/c", NotFound),
        ("x" * 300, NotFound),
        ("%252e%252e/outside/secret.txt", NotFound),
    ],
)
async def test_what_is_no_file_of_the_folder_is_refused(
    name: str, refused: type[ApiError], fetcher: Fetcher, outside: Path
) -> None:
    with pytest.raises(refused) as error:
        await fetcher.get(f"gs://cloud-samples-data/{name}")

    assert str(outside) not in error.value.message


@pytest.mark.parametrize(
    "uri", ["file://{root}/images/a%20b.jpg", "file://localhost{root}/images/../shortcut.jpg"]
)
async def test_files_below_a_root_are_read(uri: str, fetcher: Fetcher, bucket: Path) -> None:
    assert await fetcher.get(uri.format(root=bucket)) == base.File(b"picture")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "file://{root}/../outside/secret.txt",
        "file://{root}/%2e%2e/outside/secret.txt",
        "file://{root}x/secret.txt",
        "file://{root}/leak.txt",
        "file://{root}/images/a%00b",
        "file://otherhost{root}/images/a%20b.jpg",
        "file://images/a%20b.jpg",
        "file://",
        "file:///",
    ],
)
async def test_other_files_are_not(uri: str, fetcher: Fetcher, bucket: Path) -> None:
    with pytest.raises((InvalidArgument, PermissionDenied)):
        await fetcher.get(uri.format(root=bucket))


async def test_a_large_file_stays_where_it_is(fetcher: Fetcher, bucket: Path) -> None:
    with (bucket / "large.mp4").open("wb") as file:
        file.truncate(base.IN_MEMORY_BYTES + 1)

    assert (await fetcher.get("gs://cloud-samples-data/large.mp4")).content == bucket / "large.mp4"
    with pytest.raises(InvalidArgument, match="limit of 1000 bytes"):
        await fetcher.get("gs://cloud-samples-data/large.mp4", limit=1000)
