"""Which credentials a request presents, and what becomes of those that contradict themselves."""

from __future__ import annotations

import pytest

from geminid.call import Credentials
from geminid.doors import presented


def scope(*headers: tuple[bytes, bytes], query: bytes = b"") -> dict[str, object]:
    return {"headers": list(headers), "query_string": query}


@pytest.mark.parametrize(
    ("field", "bearer"),
    [
        (b"Bearer ya29.x", "ya29.x"),
        (b"bearer  ya29.x ", "ya29.x"),
        (b"Bearer", ""),
        (b"Bearer ", ""),
        (b"", ""),
        (b"Basic dXNlcg==", "Basic dXNlcg=="),
        (b"ya29.x", "ya29.x"),
        (b"Bearer \xff", "\xff"),
    ],
)
def test_the_authorization_field(field: bytes, bearer: str) -> None:
    assert presented.of_request(scope((b"authorization", field))) == Credentials(bearer=bearer)


def test_a_key_comes_in_the_header_or_the_query() -> None:
    expected = Credentials(api_key="AIza")

    assert presented.of_request(scope((b"x-goog-api-key", b"AIza"))) == expected
    assert presented.of_request(scope(query=b"alt=sse&key=AIza")) == expected
    assert presented.of_request(scope((b"x-goog-api-key", b"AIza"), query=b"key=AIza")) == expected


def test_a_token_may_stand_in_the_query() -> None:
    assert presented.of_request(scope(query=b"access_token=ya29.x")) == Credentials(bearer="ya29.x")


def test_what_contradicts_itself_is_no_valid_credential() -> None:
    two = scope((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b"), (b"x-goog-api-key", b"k"))

    assert presented.of_request(two | {"query_string": b"key=l"}) == Credentials("a, b", "k, l")


def test_grpc_metadata_are_fields_too() -> None:
    metadata = [("user-agent", "grpc"), ("authorization", "Bearer x"), ("x-goog-api-key", "k")]

    assert presented.of_fields(metadata) == Credentials("x", "k")


def test_credentials_are_not_printed() -> None:
    assert "secret" not in repr(Credentials("secret-1", "secret-2"))
