"""Chains of engines: here first, then elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from geminid.settings import ModelSettings, Scripted, Vertex

MODEL = "gemini-2.5-flash"
NAME = f"projects/p/locations/l/publishers/google/models/{MODEL}"
ASKED = {"contents": {"parts": {"text": "Hello"}}}


def chained(tmp_path: Path, url: str, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    script = tmp_path / "here.json"
    script.write_text(json.dumps({"answers": answers}))
    there = Vertex(endpoint=url, project="our-project-1", credentials="none")
    return {"engines": {"here": Scripted(script=str(script), **more), "there": there}}


def said(body: bytes) -> str:
    return "".join(part["text"] for part in json.loads(body)["candidates"][0]["content"]["parts"])


async def test_an_engine_that_is_overloaded_hands_over(start: Any, front: Any, tmp_path: Path) -> None:
    upstream = await start({"chunks": ["from", " there"]})
    engines = chained(tmp_path, upstream.url, {"fail": {"code": "RESOURCE_EXHAUSTED"}}, {"chunks": ["from here"]})
    server = await front(("here", "there"), **engines)

    answers = [said((await server.post(f"{MODEL}:generateContent", ASKED))[1]) for _ in range(2)]

    assert answers == ["from there", "from here"]
    async with server.session.get(f"{server.url}/metrics") as response:
        metrics = await response.text()
    line = 'geminid_engine_calls_passed_over_total{code="RESOURCE_EXHAUSTED",engine="here"} 1.0'
    assert line in metrics


async def test_a_stream_that_has_begun_is_not_handed_over(start: Any, front: Any, tmp_path: Path) -> None:
    upstream = await start({"chunks": ["from there"]})
    broken = {"chunks": ["from", " here"], "fail": {"code": "UNAVAILABLE", "after_chunks": 1}}
    server = await front(("here", "there"), **chained(tmp_path, upstream.url, broken))

    _, body = await server.post(f"{MODEL}:streamGenerateContent", ASKED)

    assert json.loads(body)[-1]["error"]["status"] == "UNAVAILABLE"


async def test_elsewhere_may_come_first(start: Any, front: Any, canned: Any, tmp_path: Path) -> None:
    canned.says({"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}, status=503)
    engines = chained(tmp_path, canned.url, {"chunks": ["from here"]})
    server = await front("here", models={MODEL: ModelSettings(engine=("there", "here"))}, **engines)

    status, body = await server.post(f"{MODEL}:generateContent", ASKED)

    assert (status, said(body), json.loads(body)["modelVersion"]) == (200, "from here", MODEL)
    assert len(canned.asked) == 1
    assert (await server.post(f"{MODEL}:countTokens", ASKED))[0] == 200


async def test_each_engine_of_a_chain_has_its_own_places(
    start: Any, front: Any, canned: Any, tmp_path: Path
) -> None:
    """One answer holds the only place here, and nobody may wait: the next call is answered there."""
    upstream = await start({"chunks": ["from there"]})
    endless = {"chunks": ["a", "b"], "hang": True}
    server = await front(("here", "there"), **chained(tmp_path, upstream.url, endless, running=1, waiting=0))
    url = f"{server.url}/v1/projects/p/locations/l/publishers/google/models/{MODEL}:streamGenerateContent?alt=sse"

    async with server.session.post(url, json=ASKED) as response:
        await response.content.readline()
        _, body = await server.post(f"{MODEL}:generateContent", ASKED)
        response.close()

    assert said(body) == "from there"


async def test_a_cache_that_is_kept_here_goes_along(start: Any, front: Any, canned: Any, tmp_path: Path) -> None:
    canned.says({"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes."}]}}]})
    server = await front(("here", "there"), **chained(tmp_path, canned.url, {"fail": {"code": "UNAVAILABLE"}}))
    cached = {"model": NAME, "contents": [{"role": "user", "parts": [{"text": "A long text."}]}]}
    url = f"{server.url}/v1/projects/p/locations/l/cachedContents"
    async with server.session.post(url, json=cached) as response:
        cache = (await response.json())["name"]

    asked = {"cachedContent": cache, "contents": [{"role": "user", "parts": [{"text": "Read it?"}]}]}
    _, body = await server.post(f"{MODEL}:generateContent", asked)

    ((_, sent),) = canned.asked
    assert said(body) == "Yes."
    assert json.loads(sent) == {"contents": [*cached["contents"], *asked["contents"]]}
