from __future__ import annotations

import pytest

from geminid.errors import InvalidArgument
from geminid.wire import json
from geminid.wire.caching import CachedContent, ListCachedContentsResponse


def test_a_cached_content_prints_as_it_was_read() -> None:
    body = (
        b'{"name": "projects/1/locations/l/cachedContents/2","model": "m","createTime": "2024-11-21T10:00:00Z",'
        b'"updateTime": "2024-11-21T10:00:00.500Z","expireTime": "2024-11-21T11:00:00Z","displayName": "d",'
        b'"usageMetadata": {"totalTokenCount": 32768,"textCount": 100}}'
    )

    assert json.encode_line(json.decode(CachedContent, body)) == body


def test_an_expiration_is_a_time_or_a_time_to_live() -> None:
    with pytest.raises(InvalidArgument, match="oneof field 'expiration' is already set"):
        json.decode(CachedContent, b'{"ttl": "60s", "expireTime": "2024-11-21T11:00:00Z"}')


def test_the_last_page_has_no_token() -> None:
    page = ListCachedContentsResponse(cached_contents=[CachedContent(name="n")])

    assert json.encode_line(page) == b'{"cachedContents": [{"name": "n"}]}'
