"""What is read of files and folders, and what is said of those that are no text."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from geminid.citations import reading
from geminid.citations.base import CitationsError
from geminid.citations.reading import origin_of


class Heard(Protocol):
    notes: list[str]
    total: int
    done: int

    def start(self, label: str, total: int | None, done: int) -> None: ...
    def advance(self, amount: int) -> None: ...
    def note(self, text: str) -> None: ...


def read(path: Path, heard: Heard) -> dict[str, str]:
    """The texts of ``path`` by their titles."""
    return {text.title: "".join(text.pieces) for text in reading.texts(str(path), heard)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "b.py": b"print()\n",
        "a/page.html": b"<title>A page</title><p>Text",
        "a/bom.txt": b"\xef\xbb\xbftext",
        "a/café.md": "é".encode(),
        ".git/config": b"hidden",
        "node_modules/x.js": b"of others",
        "picture.png": b"\x89PNG\0\0",
        "old.txt": "élan".encode("latin-1"),
    }
    for name, content in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    (tmp_path / "folder" / "link.py").symlink_to("b.py")
    return tmp_path / "folder"


def test_a_folder_is_its_texts_in_order(folder: Path, heard: Heard) -> None:
    found = read(folder, heard)

    assert found == {"a/bom.txt": "text", "a/café.md": "é", "A page": "\n\n\nText", "b.py": "print()\n"}
    assert list(found) == ["a/bom.txt", "a/café.md", "A page", "b.py"]


def test_progress_comes_to_an_end_and_tells_what_was_left_out(folder: Path, heard: Heard) -> None:
    read(folder, heard)

    assert heard.done == pytest.approx(heard.total, abs=3)
    assert heard.notes == [f"{folder / 'old.txt'} is not UTF-8: byte 0 is not."]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"text\0", "is binary, not text"),
        (b"caf\xe9 au lait", "is not UTF-8: byte 3 is not"),
        (b"x" * 2**20 + b"\xff", f"is not UTF-8: byte {2**20} is not"),
        ("naïv".encode()[:3], "is not UTF-8: it ends within a character, at byte 3"),
        ("text".encode("utf-16"), "is binary, not text|is not UTF-8"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, heard: Heard, content: bytes, said: str) -> None:
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(CitationsError, match=f"file ({said})"):
        read(tmp_path / "file", heard)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path, heard: Heard) -> None:
    with pytest.raises(CitationsError, match="nowhere cannot be read: No such file"):
        read(tmp_path / "nowhere", heard)


@pytest.mark.parametrize("line", ["a line of words\n", "one line of words "])
def test_a_large_file_is_read_in_pieces_without_loss(tmp_path: Path, heard: Heard, line: str) -> None:
    content = line * 200_000
    (tmp_path / "file").write_text(content)

    [text] = reading.texts(str(tmp_path / "file"), heard)
    pieces = list(text.pieces)

    assert "".join(pieces) == content
    assert 2 <= len(pieces) <= 4
    assert line.endswith(" ") or all(piece.endswith("\n") for piece in pieces)


def test_an_origin_is_the_same_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert origin_of("file") == origin_of("./x/../file") == str(tmp_path / "file")
    assert origin_of("https://example.com/") == "https://example.com/"
