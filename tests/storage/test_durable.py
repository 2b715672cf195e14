from __future__ import annotations

import stat
from pathlib import Path

import pytest

from geminid.storage import durable


def test_replacing_leaves_the_new_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"

    durable.replace(path, b"old")
    durable.replace(path, b"new", durable.PUBLIC)

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_replacement_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    with pytest.raises(OSError, match="folder"):
        durable.replace(folder, b"a file cannot replace a folder")

    assert list(tmp_path.iterdir()) == [folder]


def test_the_state_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINID_STATE", str(tmp_path))
    assert durable.state_folder() == tmp_path

    monkeypatch.delenv("GEMINID_STATE")
    assert durable.state_folder().name == "geminid"
