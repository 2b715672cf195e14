from __future__ import annotations

from typing import Any

import pytest

from geminid.elsewhere.redaction import redacted

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (f"key AIza{'x' * 35}.", "key REDACTED."),
        (f"ya29.{'x' * 30}", "REDACTED"),
        (f"sk-proj-{'x' * 30}", "REDACTED"),
        (f"ghp_{'x' * 36} and hf_{'x' * 30}", "REDACTED and REDACTED"),
        (f"a {PEM} b", "a REDACTED b"),
        ("Authorization: Bearer abcdefgh1234", "Authorization: Bearer REDACTED"),
        ("https://x.org/a?key=abc&b=1", "https://x.org/a?key=REDACTED&b=1"),
        ("postgresql://me:secret@db/x", "postgresql://REDACTED@db/x"),
        ({"a": {"Authorization": "x", "Accept": "y"}}, {"a": {"Authorization": "REDACTED", "Accept": "y"}}),
        ({"api_key": "x", "apiKey": [1], "idToken": ""}, {"api_key": "REDACTED", "apiKey": [1], "idToken": ""}),
        ({"inlineData": {"data": f"AIza{'x' * 35}"}}, {"inlineData": {"data": f"AIza{'x' * 35}"}}),
        ("The token of the word is key=value, sk-et.", "The token of the word is key=value, sk-et."),
        ({"a": 1, "b": [None, True, 0.5]}, {"a": 1, "b": [None, True, 0.5]}),
    ],
)  # fmt: skip
def test_secrets_are_told_by_their_form_and_their_name(value: Any, kept: Any) -> None:
    assert redacted(value) == kept
    assert redacted(kept) == kept
