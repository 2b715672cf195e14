from __future__ import annotations

import pytest

from geminid.gemini.profiles import Catalogue

SEED_IDS = [
    "gemini-1.0-pro",
    "gemini-1.0-pro-001",
    "gemini-1.0-pro-002",
    "gemini-1.0-pro-vision-001",
    "gemini-1.5-flash-001",
    "gemini-1.5-flash-002",
    "gemini-1.5-pro-001",
    "gemini-1.5-pro-002",
]
CURRENT_IDS = [
    "gemini-2.0-flash",
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-3-pro-preview",
    "gemini-3.5-flash",
]


@pytest.mark.parametrize("model_id", SEED_IDS + CURRENT_IDS)
def test_documented_ids_are_known(model_id: str) -> None:
    assert Catalogue().find(model_id)


@pytest.mark.parametrize(
    ("alias", "stable"),
    [
        ("gemini-1.5-flash", "gemini-1.5-flash-002"),
        ("gemini-1.5-pro", "gemini-1.5-pro-002"),
        ("gemini-1.0-pro", "gemini-1.0-pro-002"),
        ("gemini-pro", "gemini-1.0-pro-002"),
        ("gemini-pro-vision", "gemini-1.0-pro-vision-001"),
        ("gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("gemini-2.5-flash", "gemini-2.5-flash"),
    ],
)
def test_an_id_without_a_version_means_the_stable_one(alias: str, stable: str) -> None:
    model = Catalogue().find(alias)

    assert model
    assert (model.id, model.stable) == (alias, stable)


@pytest.mark.parametrize(
    ("model_id", "highest", "default", "top_p"),
    [
        ("gemini-1.5-flash-002", 2.0, 1.0, 0.95),
        ("gemini-1.5-pro-001", 2.0, 1.0, 0.95),
        ("gemini-1.0-pro-vision-001", 1.0, 0.4, 1.0),
        ("gemini-1.0-pro-002", 2.0, 1.0, 1.0),
        ("gemini-1.0-pro-001", 1.0, 0.9, 1.0),
    ],
)
def test_temperature_is_as_documented(model_id: str, highest: float, default: float, top_p: float) -> None:
    profile = Catalogue().find(model_id).profile  # type: ignore[union-attr]

    assert highest in profile.temperature
    assert highest + 0.1 not in profile.temperature
    assert (profile.default_temperature, profile.default_top_p) == (default, top_p)


@pytest.mark.parametrize("model_id", ["", "gpt-4", "gemini-9", "gemini-1.5-flash-003", "models/gemini-1.5-flash"])
def test_other_ids_are_not_known(model_id: str) -> None:
    assert Catalogue().find(model_id) is None


def test_an_operators_own_id_has_the_profile_of_the_one_it_is_like() -> None:
    catalogue = Catalogue({"house-model": "gemini-1.5-pro"})

    model = catalogue.find("house-model")

    assert model
    assert model.profile == catalogue.find("gemini-1.5-pro-002").profile  # type: ignore[union-attr]
    assert next(iter(catalogue)).id == "house-model"


def test_every_listed_id_is_found() -> None:
    assert all(Catalogue().find(model.id) == model for model in Catalogue())


@pytest.mark.parametrize(
    ("flag", "lacking", "having"),
    [
        ("json_mode", ["gemini-1.0-pro", "gemini-pro-vision"], ["gemini-1.5-flash", "gemini-2.5-pro"]),
        ("function_calling", ["gemini-1.0-pro-vision"], ["gemini-1.0-pro", "gemini-1.5-flash"]),
        ("tools_with_json", ["gemini-1.5-pro", "gemini-2.5-pro"], ["gemini-3-pro-preview", "gemini-3.5-flash"]),
        ("alphabetical", ["gemini-2.0-flash", "gemini-3.5-pro"], ["gemini-1.0-pro", "gemini-1.5-flash-8b"]),
        ("logprobs", ["gemini-1.5-flash-8b", "gemini-3.5-flash-lite"], ["gemini-1.5-flash", "gemini-2.5-pro"]),
        ("thinking", ["gemini-1.5-pro", "gemini-2.0-flash"], ["gemini-2.5-flash-lite", "gemini-3.5-flash"]),
    ],
)
def test_what_each_family_can_do(flag: str, lacking: list[str], having: list[str]) -> None:
    def can(model_id: str) -> bool:
        return bool(getattr(Catalogue().find(model_id).profile, flag))  # type: ignore[union-attr]

    assert not any(map(can, lacking))
    assert all(map(can, having))
