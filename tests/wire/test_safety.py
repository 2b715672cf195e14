from __future__ import annotations

from geminid.wire import json
from geminid.wire.safety import HarmBlockThreshold, SafetyRating, SafetySetting


def test_a_setting_prints_as_it_was_read() -> None:
    body = b'{"category": "HARM_CATEGORY_CIVIC_INTEGRITY","threshold": "OFF","method": "SEVERITY"}'

    assert json.encode_line(json.decode(SafetySetting, body)) == body


def test_the_misspelt_threshold_of_the_reference_page_is_understood() -> None:
    setting = json.decode(SafetySetting, b'{"threshold": "BLOCK_MED_AND_ABOVE"}')

    assert setting.threshold is HarmBlockThreshold.BLOCK_MEDIUM_AND_ABOVE


def test_a_rating_leaves_out_what_is_zero() -> None:
    assert json.encode_line(SafetyRating(blocked=False, probability_score=0.0, severity_score=0.1)) == (
        b'{"severityScore": 0.1}'
    )
