"""Which request line is which method, in both tables of URLs."""

from __future__ import annotations

import pytest

from geminid.wire import developer_routes, routes
from geminid.wire.binding import bind, resource_of
from geminid.wire.caching import CachedContent, UpdateCachedContentRequest
from geminid.wire.message import Duration

MODEL = "projects/p/locations/l/publishers/google/models/m"
CACHES = "projects/p/locations/l/cachedContents"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
@pytest.mark.parametrize(
    ("http_method", "path", "method", "resource"),
    [
        ("POST", f"{MODEL}:generateContent", routes.GENERATE_CONTENT, MODEL),
        ("POST", f"{MODEL}:streamGenerateContent", routes.STREAM_GENERATE_CONTENT, MODEL),
        ("POST", "endpoints/1:countTokens", routes.COUNT_TOKENS, "endpoints/1"),
        ("GET", "publishers/google/models/m", routes.GET_PUBLISHER_MODEL, "publishers/google/models/m"),
        ("GET", "publishers/google/models", routes.LIST_PUBLISHER_MODELS, "publishers/google"),
        ("POST", CACHES, routes.CREATE_CACHED_CONTENT, "projects/p/locations/l"),
        ("GET", CACHES, routes.LIST_CACHED_CONTENTS, "projects/p/locations/l"),
        ("GET", f"{CACHES}/1", routes.GET_CACHED_CONTENT, f"{CACHES}/1"),
        ("PATCH", f"{CACHES}/1", routes.UPDATE_CACHED_CONTENT, f"{CACHES}/1"),
        ("DELETE", f"{CACHES}/1", routes.DELETE_CACHED_CONTENT, f"{CACHES}/1"),
    ],
)
def test_vertex(version: str, http_method: str, path: str, method: routes.Method, resource: str) -> None:
    assert routes.match(http_method, f"/{version}/{path}") == routes.Match(method, version, resource)


@pytest.mark.parametrize(
    ("http_method", "path"),
    [
        ("GET", f"/v1/{MODEL}:generateContent"),
        ("PUT", f"/v1/{CACHES}/1"),
        ("DELETE", f"/v1/{CACHES}"),
        ("POST", f"/v1/{CACHES}/1"),
        ("GET", f"/v1/{CACHES}/1/2"),
        ("GET", f"/v1/{CACHES}/"),
        ("POST", f"/v1/{CACHES}/1:cancel"),
        ("GET", "/v1/cachedContents"),
        ("GET", f"/v2/{CACHES}"),
        ("POST", "/v1/publishers/google/models/m"),
    ],
)
def test_no_method_of_vertex(http_method: str, path: str) -> None:
    assert routes.match(http_method, path) is None


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
@pytest.mark.parametrize(
    ("http_method", "path", "method", "resource"),
    [
        ("POST", "models/m:generateContent", developer_routes.GENERATE_CONTENT, "models/m"),
        ("GET", "files/1", developer_routes.GET_FILE, "files/1"),
        ("POST", "cachedContents", developer_routes.CREATE_CACHED_CONTENT, ""),
        ("GET", "cachedContents", developer_routes.LIST_CACHED_CONTENTS, ""),
        ("GET", "cachedContents/1", developer_routes.GET_CACHED_CONTENT, "cachedContents/1"),
        ("PATCH", "cachedContents/1", developer_routes.UPDATE_CACHED_CONTENT, "cachedContents/1"),
        ("DELETE", "cachedContents/1", developer_routes.DELETE_CACHED_CONTENT, "cachedContents/1"),
    ],
)
def test_developer(
    version: str, http_method: str, path: str, method: developer_routes.Method, resource: str
) -> None:
    found = developer_routes.match(http_method, f"/{version}/{path}")

    assert found == developer_routes.Match(method, version, resource)


@pytest.mark.parametrize(
    ("http_method", "path"),
    [
        ("POST", "/v1beta/cachedContents/1"),
        ("PATCH", "/v1beta/cachedContents"),
        ("POST", "/v1beta/cachedContents/1:generateContent"),
        ("POST", "/v1beta/files"),
        ("GET", "/v1beta/models/m:generateContent"),
    ],
)
def test_no_method_of_the_developer_api(http_method: str, path: str) -> None:
    assert developer_routes.match(http_method, path) is None


def test_caches_are_a_service_of_their_own() -> None:
    name = routes.CREATE_CACHED_CONTENT.full_name("v1beta1")

    assert name == "google.cloud.aiplatform.v1beta1.GenAiCacheService.CreateCachedContent"


def test_a_path_may_fill_a_field_of_a_message_inside() -> None:
    method = routes.UPDATE_CACHED_CONTENT
    empty = UpdateCachedContentRequest()
    filled = UpdateCachedContentRequest(cached_content=CachedContent(ttl=Duration(60)))

    bind(method, empty, "a/name")
    bind(method, filled, "a/name")

    assert empty.cached_content == CachedContent(name="a/name")
    assert filled.cached_content == CachedContent(name="a/name", ttl=Duration(60))
    assert resource_of(method, filled) == "a/name"
    assert resource_of(method, UpdateCachedContentRequest()) == ""
