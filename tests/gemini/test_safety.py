"""What a request tolerates."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.errors import InvalidArgument, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.gemini.safety import policy_of
from geminid.judgement import Category, Method, Policy, Setting, Threshold
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest


def policy(*settings: dict[str, Any], model: str = "gemini-1.5-pro-001") -> Policy:
    found = Catalogue().find(model)
    assert found
    body = msgspec.json.encode({"safetySettings": settings})
    return policy_of(json.decode(GenerateContentRequest, body), found.profile)


def asked(category: str = "HARASSMENT", **more: Any) -> dict[str, Any]:
    return {"category": f"HARM_CATEGORY_{category}", **more}


def test_what_is_not_asked_for_is_the_models() -> None:
    assert set(policy().settings.values()) == {Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE)}
    assert set(policy(model="gemini-2.5-pro").settings.values()) == {Setting(Threshold.OFF)}


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"threshold": "BLOCK_NONE"}, Setting(Threshold.BLOCK_NONE)),
        ({"threshold": "BLOCK_MED_AND_ABOVE"}, Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE)),
        ({"threshold": 1, "method": "SEVERITY"}, Setting(Threshold.BLOCK_LOW_AND_ABOVE, Method.SEVERITY)),
        ({"threshold": "HARM_BLOCK_THRESHOLD_UNSPECIFIED"}, Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE)),
        ({}, Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE)),
    ],
)
def test_a_setting_is_for_its_category(settings: dict[str, Any], setting: Setting) -> None:
    found = policy(asked(**settings)).settings

    assert found[Category.HARASSMENT] == setting
    assert found[Category.HATE_SPEECH] == Setting(Threshold.BLOCK_MEDIUM_AND_ABOVE)


def test_the_last_of_two_settings_holds() -> None:
    found = policy(asked(threshold="OFF"), asked(threshold="BLOCK_NONE"))

    assert found.settings[Category.HARASSMENT].threshold is Threshold.BLOCK_NONE


def test_outlines_and_what_google_gave_up_ask_for_nothing() -> None:
    assert policy({}, asked("CIVIC_INTEGRITY", threshold="BLOCK_LOW_AND_ABOVE")) == policy()


def test_a_setting_without_a_category() -> None:
    with pytest.raises(InvalidArgument, match=r"safety_settings\[1\]\.category"):
        policy({}, {"threshold": "OFF"})


def test_a_category_that_nobody_rates() -> None:
    with pytest.raises(Unimplemented, match=r"safety_settings\[0\]\.category"):
        policy(asked("JAILBREAK", threshold="BLOCK_NONE"))
