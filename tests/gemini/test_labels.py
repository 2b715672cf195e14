from __future__ import annotations

import pytest

from geminid.errors import BadRequest, InvalidArgument
from geminid.gemini.labels import labels_of
from geminid.wire.generation import GenerateContentRequest


def labelled(**labels: str) -> GenerateContentRequest:
    return GenerateContentRequest(labels=labels)


def refusal(labels: dict[str, str]) -> tuple[str, list[str]]:
    """The message, and the fields that it is about."""
    with pytest.raises(InvalidArgument) as caught:
        labels_of(GenerateContentRequest(labels=labels))
    (detail,) = caught.value.details
    assert isinstance(detail, BadRequest)
    return caught.value.message, [violation.field for violation in detail.violations]


def test_a_request_may_have_none() -> None:
    assert labels_of(GenerateContentRequest()) == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("team", "research", id="plain"),
        pytest.param("team", "", id="an empty value"),
        pytest.param("a", "1", id="one character"),
        pytest.param("cost-centre_2", "-_7", id="digits and marks"),
        pytest.param("k" * 63, "v" * 63, id="as long as may be"),
        pytest.param("équipe", "straße", id="other letters"),
        pytest.param("部署", "研究", id="letters without case"),
        pytest.param("k", "٣", id="other digits"),
        pytest.param("é" * 63, "部" * 63, id="characters are counted, not bytes"),
    ],
)
def test_what_google_allows_is_allowed(key: str, value: str) -> None:
    assert labels_of(labelled(**{key: value})) == {key: value}


@pytest.mark.parametrize(
    "key",
    ["", "Team", "1st", "-a", "_a", "a b", "a.b", "a/b", "k" * 64, "É", "a\n", "a\0", "½", "🙂", "a\ud800"],
)
def test_a_key_that_is_none_is_refused(key: str) -> None:
    message, fields = refusal({key: "v"})

    assert message.startswith(f"Label key '{key[:63]}")
    assert "The key must start with a lowercase character" in message
    assert fields == ["labels[0].key"]


@pytest.mark.parametrize("value", ["Research", "a b", "a.b", "v" * 64, "a\n", "É", "🙂"])
def test_a_value_that_is_none_is_refused(value: str) -> None:
    message, fields = refusal({"team": value})

    assert message.startswith(f"Label value '{value[:63]}")
    assert "The value can be at most 63 characters long. International characters are allowed." in message
    assert fields == ["labels[0].value"]


def test_all_that_are_wrong_are_named() -> None:
    message, fields = refusal({"ok": "ok", "No": "NO", "fine": "Not"})

    assert len(message.split("\n")) == 3
    assert fields == ["labels[1].key", "labels[1].value", "labels[2].value"]


def test_a_long_one_is_not_sent_back() -> None:
    message, _ = refusal({"team": "v" * 1_000_000})

    assert len(message) < 300


def test_as_many_as_may_be() -> None:
    labels = {f"k{number}": "v" for number in range(64)}

    assert labels_of(labelled(**labels)) == labels


def test_one_more_is_refused() -> None:
    message, fields = refusal({f"k{number}": "v" for number in range(65)})

    assert message.startswith(
        "Unable to submit request because it has a labels value of 65 but the supported range is from 0 "
        "(inclusive) to 65 (exclusive). Update the value and try again."
    )
    assert fields == ["labels"]
