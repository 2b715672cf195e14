"""Requests in the spelling of many clients: each gets the form of answer that it asked for, or a clean refusal."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

PARENTS = {
    "VERTEX": "/v1/projects/p/locations/l/publishers/google/models",
    "BETA": "/v1beta1/projects/p/locations/l/publishers/google/models",
    "OPENAPI": "/v1/projects/p/locations/l/endpoints/openapi",
}
TEXT = "This is a scripted answer."
KEYS = {
    ":countTokens": "totalTokens",
    ":computeTokens": "tokensInfo",
    "/publishers/google/models/": "name",
    "/publishers/google/models": "publisherModels",
    "/openai/models": "data",
    "/models/": "name",
    "/models": "models",
}
"""What the whole answer has, by a piece of the path; the first piece that fits counts."""

SHAPES = yaml.safe_load((Path(__file__).parent / "shapes.yaml").read_text())["clients"]


class Server(Protocol):
    port: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client, and what is to become of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    refused: list[str] = field(default_factory=list)
    unserved: str = ""
    status: int = 200
    gives: str = ""
    says: str = TEXT


def requests() -> Iterator[Any]:
    for name, client in SHAPES.items():
        for line, rest in client["requests"].items():
            method, target = line.split(" ")
            parent, _, tail = target.partition("/")
            path = f"{PARENTS[parent]}/{tail}" if parent else target
            if query := client.get("query"):
                path += ("&" if "?" in path else "?") + query
            yield pytest.param(Request(method, path, client["headers"], **rest), id=f"{name}: {line}")


@pytest.mark.parametrize("request_", [*requests()])
def test_a_request_is_answered(scripted: Server, request_: Request) -> None:
    status, content_type, text = send(scripted, request_)

    if request_.refused:
        assert (status, refused_fields(text)) == (501, set(request_.refused))
    elif request_.unserved:
        error = json.loads(text)["error"]
        assert (status, error["status"], request_.unserved in error["message"]) == (501, "UNIMPLEMENTED", True)
    else:
        assert status == request_.status, text
        assert status != 200 or has_form(request_, content_type, text), text


def send(server: Server, request: Request) -> tuple[int, str, str]:
    """The status, the content type and the text; the path is sent as it is written."""
    is_form = isinstance(request.body, str)
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    body = request.body if is_form or request.body is None else json.dumps(request.body)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(request.method, request.path, body, request.headers | {"Content-Type": kind})
        response = connection.getresponse()
        return response.status, response.headers.get_content_type(), response.read().decode()
    finally:
        connection.close()


def refused_fields(text: str) -> set[str]:
    answer = json.loads(text)
    error = (answer[0] if isinstance(answer, list) else answer)["error"]
    assert error["status"] == "UNIMPLEMENTED"
    return {violation["field"] for detail in error["details"] for violation in detail["fieldViolations"]}


def has_form(request: Request, content_type: str, text: str) -> bool:
    path, _, query = request.path.partition("?")
    if path.endswith(":streamGenerateContent"):
        events = content_type == "text/event-stream"
        chunks = [json.loads(line[6:]) for line in text.split("\r\n\r\n") if line] if events else json.loads(text)
        finishes = [chunk["candidates"][0].get("finishReason") for chunk in chunks]
        last = 1 if "enum-encoding" in query else "STOP"
        return events == ("alt=sse" in query) and said(chunks) == request.says and finishes == [None] * 6 + [last]
    if path.endswith("/chat/completions") and request.body.get("stream"):
        return text.endswith("data: [DONE]\n\n") and content_type == "text/event-stream"
    if request.gives == "text":
        return content_type == "application/text"
    answer = json.loads(text)
    assert content_type == "application/json"
    if path.endswith(":generateContent"):
        return said([answer]) == request.says and "totalTokenCount" in answer["usageMetadata"]
    if path.endswith("/chat/completions"):
        return bool(answer["choices"][0]["message"]["content"] == request.says)
    return bool(answer[request.gives or KEYS[next(tail for tail in KEYS if tail in path)]])


def said(chunks: list[dict[str, Any]]) -> str:
    return "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
