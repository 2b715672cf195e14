"""Every case of ``tests/cases``, sent through every door: the answers must agree."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent / "cases"
CASES = [case for path in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(path.read_text())]


def request_of(case: dict[str, Any]) -> dict[str, Any]:
    """The body of a case; ``repeat`` says the text of its contents that many times."""
    request = copy.deepcopy(case["request"])
    if times := request.pop("repeat", None):
        part = request["contents"]["parts"]
        part["text"] = " ".join([part["text"]] * times)
    return request


def summary(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What the chunks of an answer, or one whole answer, come to."""
    if "error" in chunks[-1]:
        return {"error": {key: chunks[-1]["error"][key] for key in ("code", "status", "message")}}
    candidates = [chunk["candidates"][0] for chunk in chunks]
    parts = [part for candidate in candidates for part in candidate["content"].get("parts", [])]
    usage = chunks[-1]["usageMetadata"]
    counts = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")
    return {
        "answer": {
            "text": "".join(part["text"] for part in parts),
            "finishReason": candidates[-1].get("finishReason"),
            "usage": {key: usage[key] for key in counts if key in usage},
        }
    }


async def through_unary(server: Any, model: str, request: Any) -> dict[str, Any]:
    _, body = await server.post(f"{model}:generateContent", request)
    return summary([json.loads(body)])


async def through_array(server: Any, model: str, request: Any) -> dict[str, Any]:
    _, body = await server.post(f"{model}:streamGenerateContent", request)
    return summary(json.loads(body))


async def through_events(server: Any, model: str, request: Any) -> dict[str, Any]:
    status, body = await server.post(f"{model}:streamGenerateContent?alt=sse", request)
    if status != 200:
        return summary([json.loads(body)])
    *events, rest = body.split(b"\r\n\r\n")
    assert rest == b""
    return summary([json.loads(event.removeprefix(b"data: ")) for event in events])


@pytest.mark.parametrize("door", [through_unary, through_array, through_events])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
async def test_case(start: Any, case: dict[str, Any], door: Any) -> None:
    server = await start(case.get("engine", {"chunks": ["unexpected"]}))

    got = await door(server, case.get("model", "gemini-1.5-flash-002"), request_of(case))

    expected = {key: dict(case[key]) for key in ("answer", "error") if key in case}
    if "answer" in expected and "usage" not in expected["answer"]:
        expected["answer"]["usage"] = got.get("answer", {}).get("usage")
    assert got == expected
