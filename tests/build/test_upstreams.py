"""What can be asked elsewhere, by the settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from geminid.build.engines import registry_of
from geminid.cli.options import Flags, resolve
from geminid.elsewhere.base import Elsewhere
from geminid.settings import Media, ModelSettings, Settings, SettingsError, Vertex, load

PAGE = Path(__file__).parents[2] / "docs" / "upstream.md"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("number", range(len(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL))))
def test_the_examples_of_the_page_are_valid(tmp_path: Path, number: int) -> None:
    path = tmp_path / "geminid.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[number])

    load(path)


def test_the_environment_names_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")

    assert isinstance(registry_of(Settings(engine="vertex")).fallback, Elsewhere)


@pytest.mark.parametrize(
    "engine",
    [
        Vertex(),
        Vertex(api="developer"),
        Vertex(project="p", credentials="nowhere.json"),
        Vertex(api_key_env="NOWHERE"),
        Vertex(project="p", ca="nowhere.pem"),
    ],
    ids=["no project", "no key", "no file", "no variable", "no certificates"],
)
def test_what_cannot_be_asked_is_told_at_the_start(engine: Vertex) -> None:
    with pytest.raises(SettingsError):
        registry_of(Settings(engine="x", engines={"x": engine}))


def test_recordings_that_are_not_there_are_told_at_the_start() -> None:
    with pytest.raises(SettingsError, match="there is no nowhere"):
        registry_of(Settings(engine="replay:nowhere"))


def test_nobody_elsewhere_looks_at_media() -> None:
    there = Vertex(project="p", credentials="none")
    settings = Settings(engine="scripted", engines={"there": there}, media=Media(describer="there"))

    with pytest.raises(SettingsError, match="'there' answers clients alone"):
        registry_of(settings)


def test_a_chain_is_of_one_engine_each() -> None:
    there = Vertex(project="p", credentials="none")
    models = {"gemini-2.5-pro": ModelSettings(engine=("there", "scripted"))}
    registry = registry_of(Settings(engine="scripted", engines={"there": there}, models=models))
    name = "publishers/google/models/gemini-2.5-pro"

    assert registry.chain(name) == ("there", "scripted")
    assert registry.find(name).engine is registry.named["there"]
    assert registry.find(name, 1).engine is registry.fallback
    assert not registry.chain("publishers/google/models/gemini-2.5-flash")
    assert len(registry.all_engines()) == 2


def test_a_chain_is_a_list_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "geminid.toml"
    path.write_text('engine = ["local", "vertex"]')

    assert load(path).engine == ("local", "vertex")


def test_replaying_asks_no_engine_for_anything(tmp_path: Path) -> None:
    path = tmp_path / "geminid.toml"
    path.write_text('[models."gemini-2.5-pro"]\nengine = "llama"\n[media]\ndescriber = "llama"\n')

    settings = resolve(Flags(config=path, replay=tmp_path / "kept", record=tmp_path / "again"))

    assert (settings.engine, settings.record.folder) == (f"replay:{tmp_path / 'kept'}", str(tmp_path / "again"))
    assert [model.engine for model in settings.models.values()] == [None]
    assert (settings.media.describer, settings.safety.rater) == ("", "none")
