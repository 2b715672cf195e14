"""The documents say what is true."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

import geminid
from geminid import settings
from geminid.engines.script import Answer, Chunk, Script
from geminid.engines.weights import CATALOGUE
from geminid.settings import (
    Auth,
    Caching,
    Citations,
    EngineSettings,
    Media,
    ModelSettings,
    Price,
    QuotaRule,
    Quotas,
    RayDeployment,
    Record,
    Safety,
    Server,
    Settings,
    Storage,
    Tls,
    Usage,
    WeightsSettings,
)

ROOT = Path(__file__).parent.parent


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_coverage_is_what_the_tables_say() -> None:
    generate = load(ROOT / "docs" / "generate.py")

    assert (ROOT / "COVERAGE.md").read_text() == generate.coverage(), "stale: run make docs"


@pytest.mark.parametrize(
    "table",
    [
        Settings,
        Server,
        Tls,
        Auth,
        Media,
        Safety,
        Citations,
        RayDeployment,
        Record,
        Quotas,
        QuotaRule,
        Storage,
        Caching,
        Usage,
        Price,
        ModelSettings,
        WeightsSettings,
        *get_args(EngineSettings),
    ],
)
def test_every_setting_is_explained(table: type[Settings]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    # Of the file itself; the others are tables.
    keys = {"engine"} if table is Settings else set(table.__struct_fields__)

    assert {key for key in keys if f"| `{key}` |" not in page} == set()


def test_the_example_file_is_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    example = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    path = tmp_path / "geminid.toml"
    path.write_text(example)

    loaded = settings.load(path)

    assert loaded.engine_of(loaded.engine) == loaded.engines["gpu"]


def test_the_changelog_begins_with_this_version() -> None:
    (version, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert version == geminid.__version__


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_example_script_is_valid_and_every_key_is_explained(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "scripted.md").read_text()
    path = tmp_path / "answers.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])

    assert len(Script.load(path).answers) == 3
    assert {
        key for table in (Answer, Chunk) for key in table.__struct_fields__ if f"| `{key}` |" not in page
    } == set()


def test_every_model_of_the_catalogue_is_listed() -> None:
    page = (ROOT / "docs" / "models.md").read_text()

    assert {name for name in CATALOGUE if f"`{name}`" not in page} == set()
