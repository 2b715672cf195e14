"""The ``[media]`` table, and what is made of it."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from geminid.build.engines import registry_of
from geminid.build.media import observers_of, policy_of
from geminid.media.observers.by_engine import EngineDescriber, EngineTranscriber
from geminid.media.observers.labels import EfficientNet
from geminid.media.observers.ocr import RapidOcr
from geminid.media.observers.scripted import ScriptedTranscriber
from geminid.media.observers.speech import Whisper
from geminid.settings import Media, Scripted, Settings, SettingsError


def test_what_may_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shelf").mkdir()

    policy = policy_of(Media(buckets={"b": "shelf"}, file_roots=["shelf"], networks=["10.0.0.0/8"], redirects=1))

    assert policy.buckets == {"b": tmp_path / "shelf"}
    assert policy.file_roots == (tmp_path / "shelf",)
    assert policy.networks == (ip_network("10.0.0.0/8"),)
    assert policy.redirects == 1


@pytest.mark.parametrize(
    ("given", "used"), [("localhost:4443", "http://localhost:4443"), ("https://gcs", "https://gcs"), ("", None)]
)
def test_the_emulator_is_where_googles_clients_look_for_it(
    given: str, used: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", given)

    assert policy_of(Media()).storage_endpoint == used


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"buckets": {"b": "nowhere"}}, r"buckets\.b is 'nowhere'"),
        ({"file_roots": ["nowhere"]}, "file_roots is 'nowhere'"),
        ({"networks": ["10.0.0.1/8"]}, r"networks has '10\.0\.0\.1/8'"),
    ],
)
def test_what_is_no_folder_and_no_network(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        policy_of(Media(**keys))


def test_observers_by_default() -> None:
    observers = observers_of(Settings(), {})

    assert isinstance(observers.reader, RapidOcr)
    assert isinstance(observers.labeller, EfficientNet)
    assert isinstance(observers.transcriber, Whisper)
    assert observers.describer is None


def test_engines_observe_for_others() -> None:
    media = Media(describer="eyes", transcriber="engine:ears")
    settings = Settings(engine="scripted", engines={"eyes": Scripted(), "ears": Scripted()}, media=media)

    registry = registry_of(settings)
    observers = observers_of(settings, registry.observing)

    assert isinstance(observers.describer, EngineDescriber)
    assert isinstance(observers.transcriber, EngineTranscriber)
    assert set(registry.observing) == {"eyes", "ears"}
    assert observers.describer.ready() is None


@pytest.mark.parametrize("name", ["none", "scripted"])
def test_a_transcriber_by_name(name: str) -> None:
    found = observers_of(Settings(media=Media(transcriber=name)), {}).transcriber

    assert found is None if name == "none" else isinstance(found, ScriptedTranscriber)


def test_a_transcriber_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()

    assert isinstance(observers_of(Settings(media=Media(transcriber=str(tmp_path))), {}).transcriber, Whisper)


def test_a_transcriber_that_nobody_knows() -> None:
    with pytest.raises(SettingsError, match="neither whisper-tiny-en"):
        observers_of(Settings(media=Media(transcriber="whisper-huge")), {})
