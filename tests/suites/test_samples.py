"""The files that foreign tests send are what their names promise, and lie in folders that stand for buckets."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import pytest
from foreign_suites import samples

from geminid.media import sniff
from geminid.settings import load


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    samples.make(folder)
    return folder


def test_files_are_what_their_names_promise(folder: Path) -> None:
    for file in samples.files(folder).iterdir():
        promised = mimetypes.guess_type(file.name)[0] or "audio/mp4"  # .m4a, which not every machine knows
        kind, _ = sniff.kind_of(file.read_bytes(), promised)
        assert kind.value == promised.partition("/")[0].replace("application", "document")


def test_folders_stand_for_the_buckets(folder: Path) -> None:
    path = folder / "geminid.toml"
    path.write_text(samples.settings(folder), encoding="utf-8")

    buckets = load(path).media.buckets

    assert set(buckets) == {made.name for made in (folder / "buckets").iterdir()}
    assert (Path(buckets["cloud-samples-data"]) / "generative-ai" / "audio" / "pixel.mp3").is_file()
