"""``geminid citations``, as a person or a script calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geminid.cli.citations import app

TEXT = " ".join(f"word{number}" for number in range(250))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEMINID_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path / "book.txt"


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def test_add_list_check_remove(book: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.txt"
    answer.write_text(f"He says: “{TEXT[: TEXT.index(' word60')]}”.")
    options = ("--uri", "https://e.org/b", "--title", "A Book", "--license", "CC0-1.0", "--date", "1900-05")

    added = run("add", str(book), *options)
    listed = run("list")
    checked = run("check", str(answer))
    removed = run("remove", "1")
    after = run("check", str(answer))

    assert (added.exit_code, added.stdout) == (0, f"added {book}: 1 text, 250 words\n")
    assert [part in listed.stdout for part in (str(book), "A Book", "CC0-1.0", "1900-05", "250")] == [True] * 5
    length = len(TEXT[: TEXT.index(" word60")])
    assert checked.stdout == f"12-{12 + length}  A Book  https://e.org/b  CC0-1.0  1900-05\n"
    assert (removed.stdout, after.stdout, after.exit_code) == (f"removed {book}\n", "", 0)


def test_check_says_when_an_answer_recites_and_reads_standard_input(book: Path) -> None:
    run("add", str(book))

    checked = run("check", "-", typed=TEXT)

    last = checked.stdout.splitlines()[-1]
    assert last == "An answer like this ends with RECITATION: 250 words in a row."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "nowhere.txt"), "nowhere.txt cannot be read: No such file or directory."),
        (("add", "http://example.com/"), "http://example.com/ is not fetched: only https is"),
        (("remove", "7"), "7 is not in the index"),
        (("add", "x", "--date", "May"), "'May' is not a date"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)

    assert done.exit_code != 0
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_file_that_is_not_utf_8_is_not_checked(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")

    done = run("check", str(tmp_path / "latin.txt"))

    assert (done.exit_code, "is not UTF-8" in done.stderr) == (1, True)


def test_it_is_a_command_of_geminid_that_shows_how_it_goes(book: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "geminid", "citations", "--state", str(tmp_path / "other"), "add", str(book)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "book.txt: 0.0 MB of 0.0 MB" in done.stderr
    assert (tmp_path / "other" / "citations" / "manifest.json").exists()
