"""Which tests of a suite count is said in a file of regular expressions."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_suites.catalogue import HERE, SUITES
from foreign_suites.expectations import Expectations, load

FILE = """
one:
  out_of_scope:
    - reason: pictures
      tests: [image, "video_\\\\d"]
    - reason: images again
      tests: [image]
  by_the_server:
    - reason: files are kept
      tests: [file]
  scripted:
    - reason: asks for wits
      script: wits.toml
      tests: [riddle]
two: {}
"""


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, Expectations]:
    path = tmp_path / "expectations.yaml"
    path.write_text(FILE)
    return load(path)


@pytest.mark.parametrize(
    ("test", "reason"),
    [("a.py::test_image[True]", "pictures"), ("a.py::test_video_1", "pictures"), ("a.py::test_video", None)],
)
def test_the_first_group_that_names_a_test_has_the_reason(
    expected: dict[str, Expectations], test: str, reason: str | None
) -> None:
    assert expected["one"].reason(test) == reason


def test_a_test_may_have_a_script(expected: dict[str, Expectations]) -> None:
    assert expected["one"].script("a.py::test_riddle") == "wits.toml"
    assert expected["one"].script("a.py::test_image") is None


def test_a_test_may_be_about_what_the_server_does(expected: dict[str, Expectations]) -> None:
    assert expected["one"].is_the_servers("a.py::test_file")
    assert not expected["one"].is_the_servers("a.py::test_riddle")


def test_a_suite_may_have_no_exceptions(expected: dict[str, Expectations]) -> None:
    assert expected["two"] == Expectations()


def test_the_file_is_about_suites_and_scripts_that_exist() -> None:
    expected = load(HERE / "expectations.yaml")

    assert expected.keys() <= SUITES.keys()
    scripts = [group.script for one in expected.values() for group in one.scripted]
    assert all((HERE / "scripts" / str(script)).is_file() for script in scripts)
