from __future__ import annotations

import pytest

from geminid.wire import developer_routes as routes
from geminid.wire.developer_routes import Match, Method

MODEL = "models/gemini-2.5-flash"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
@pytest.mark.parametrize(
    ("verb", "method"),
    [
        ("generateContent", routes.GENERATE_CONTENT),
        ("streamGenerateContent", routes.STREAM_GENERATE_CONTENT),
        ("countTokens", routes.COUNT_TOKENS),
    ],
)
def test_posts_are_methods_of_a_model(version: str, verb: str, method: Method) -> None:
    assert routes.match("POST", f"/{version}/{MODEL}:{verb}") == Match(method, version, MODEL)


def test_gets_are_the_list_and_one_model() -> None:
    assert routes.match("GET", "/v1beta/models") == Match(routes.LIST_MODELS, "v1beta")
    assert routes.match("GET", f"/v1beta/{MODEL}") == Match(routes.GET_MODEL, "v1beta", MODEL)


def test_files_are_listed_got_and_deleted() -> None:
    assert routes.match("GET", "/v1beta/files") == Match(routes.LIST_FILES, "v1beta")
    assert routes.match("GET", "/v1/files/abc") == Match(routes.GET_FILE, "v1", "files/abc")
    assert routes.match("DELETE", "/v1beta/files/abc") == Match(routes.DELETE_FILE, "v1beta", "files/abc")


@pytest.mark.parametrize(
    ("http_method", "path"),
    [
        ("POST", "/v1beta/files"),
        ("DELETE", "/v1beta/files"),
        ("POST", "/v1beta/files/abc:generateContent"),
        ("GET", "/v1beta/files/abc:download"),
        ("GET", f"/v1beta/{MODEL}:generateContent"),
        ("POST", f"/v1beta/{MODEL}"),
        ("POST", "/v1beta/models"),
        ("POST", f"/v1beta/{MODEL}:getModel"),
        ("POST", f"/v1beta/{MODEL}:generateContent:generateContent"),
        ("POST", "/v1/models/publishers/google/models/m:generateContent"),
        ("DELETE", f"/v1beta/{MODEL}"),
        ("GET", "/v2/models"),
    ],
)
def test_other_request_lines_are_no_methods(http_method: str, path: str) -> None:
    assert routes.match(http_method, path) is None


def test_names_are_those_of_grpc() -> None:
    assert routes.GENERATE_CONTENT.full_name == (
        "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent"
    )
