from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from geminid.doors.pages import Pages


async def page(_: Request) -> Response:
    return PlainTextResponse("page")


@pytest.mark.parametrize(
    ("method", "path", "matches"),
    [
        ("GET", "/livez", True),
        ("HEAD", "/livez", True),
        ("POST", "/livez", False),
        ("GET", "/livez/more", False),
        ("POST", "/v1/token", True),
        ("POST", "/v1/models/m:generateContent", False),
        ("GET", "/meta/any/thing", True),
        ("GET", "/meta", False),
    ],
)
def test_its_pages_are_the_doors_and_nothing_else(method: str, path: str, *, matches: bool) -> None:
    pages = Pages(
        [Route("/livez", page), Route("/v1/token", page, methods=["POST"]), Route("/meta/{path:path}", page)]
    )

    assert pages.matches({"type": "http", "method": method, "path": path, "headers": []}) is matches
