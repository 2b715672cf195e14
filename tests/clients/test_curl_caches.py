"""curl, called in the order of Google's pages on context caching: the bodies in request.json, a bearer token."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import pytest

MODEL = "gemini-2.0-flash-001"

Curl: TypeAlias = Callable[..., Any]


class Server(Protocol):
    url: str


@pytest.fixture
def home(caches_variables: dict[str, str]) -> str:
    return f"projects/{caches_variables['PROJECT']}/locations/us-central1"


@pytest.fixture(params=["v1", "v1beta1"])
def curl(request: pytest.FixtureRequest, scripted: Server, home: str, tmp_path: Path) -> Curl:
    """Asks for a path below the location; gives back what the answer says."""

    def curl(method: str, path: str, body: str = "") -> Any:
        (tmp_path / "request.json").write_text(body)
        data = ["-H", "Content-Type: application/json; charset=utf-8", "-d", "@request.json"] if body else []
        url = f"{scripted.url}/{request.param}/{home}/{path}"
        command = ["curl", "-sS", "-X", method, "-H", "Authorization: Bearer ya29.token", *data, url]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=30)
        return json.loads(done.stdout)

    return curl


@pytest.fixture
def cache(curl: Curl, home: str, caches_variables: dict[str, str]) -> dict[str, Any]:
    """What the creation of a cache tells: two documents, and what the model said of them."""
    documents = [
        {"fileData": {"mimeType": "application/pdf", "fileUri": uri}} for uri in caches_variables["PAPERS"].split()
    ]
    said = [{"text": "I have read both."}]
    contents = [{"role": "user", "parts": documents}, {"role": "model", "parts": said}]
    body = {"model": f"{home}/publishers/google/models/{MODEL}", "contents": contents}
    told: dict[str, Any] = curl("POST", "cachedContents", json.dumps(body))
    return told


def id_of(cache: dict[str, Any]) -> str:
    return str(cache["name"].rpartition("/")[2])


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_create_list_and_get(curl: Curl, cache: dict[str, Any], home: str) -> None:
    listed = curl("GET", "cachedContents")
    found = curl("GET", f"cachedContents/{id_of(cache)}")

    assert list(cache) == ["name", "model", "createTime", "updateTime", "expireTime", "usageMetadata"]
    assert cache["name"] == f"{home}/cachedContents/{id_of(cache)}"
    assert 10**18 <= int(id_of(cache)) < 2**63
    assert cache["usageMetadata"] == {"totalTokenCount": 521, "textCount": 17, "imageCount": 2}
    assert moment(cache["expireTime"]) - moment(cache["createTime"]) == dt.timedelta(hours=1)
    assert listed == {"cachedContents": [found]} == {"cachedContents": [cache]}


def test_use_as_the_page_writes_it_with_commas_before_brackets(curl: Curl, cache: dict[str, Any]) -> None:
    body = """{
      "cachedContent": "%s",
      "contents": [
          {"role":"user","parts":[{"text":"What do they say?"}]}
      ],
      "generationConfig": {"maxOutputTokens": 8192, "temperature": 1, "topP": 0.95,},
      "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_MEDIUM_AND_ABOVE"},],
    }"""

    answer = curl("POST", f"publishers/google/models/{MODEL}:generateContent", body % cache["name"])
    chunks = curl("POST", f"publishers/google/models/{MODEL}:streamGenerateContent", body % cache["name"])

    usage = answer["usageMetadata"]
    counts = [usage[f"{name}TokenCount"] for name in ("prompt", "cachedContent", "candidates", "total")]
    assert counts == [526, 521, 6, 532]
    assert {one["modality"]: one["tokenCount"] for one in usage["cacheTokensDetails"]} == {
        "TEXT": 5,
        "DOCUMENT": 516,
    }
    assert chunks[-1]["usageMetadata"] == usage


@pytest.mark.parametrize("seconds", ['"3700s"', '{"seconds": "3700", "nanos": "0"}'])
def test_update_by_ttl(curl: Curl, cache: dict[str, Any], seconds: str) -> None:
    """The page has the second form."""
    updated = curl("PATCH", f"cachedContents/{id_of(cache)}", f'{{"ttl": {seconds}}}')

    lifetime = moment(updated["expireTime"]) - moment(updated["updateTime"])
    assert lifetime == dt.timedelta(seconds=3700)
    assert updated == cache | {name: updated[name] for name in ("updateTime", "expireTime")}
    assert curl("GET", f"cachedContents/{id_of(cache)}") == updated


def test_update_by_expire_time(curl: Curl, cache: dict[str, Any]) -> None:
    updated = curl("PATCH", f"cachedContents/{id_of(cache)}", '{"expire_time": "2124-06-30T09:00:00.000000Z"}')

    assert updated["expireTime"] == "2124-06-30T09:00:00Z"


def test_delete(curl: Curl, cache: dict[str, Any]) -> None:
    path = f"cachedContents/{id_of(cache)}"
    question = {"contents": [{"role": "user", "parts": [{"text": "And?"}]}], "cachedContent": cache["name"]}

    assert curl("DELETE", path) == {}

    gone = [
        curl("GET", path),
        curl("DELETE", path),
        curl("PATCH", path, '{"ttl": "60s"}'),
        curl("POST", f"publishers/google/models/{MODEL}:generateContent", json.dumps(question)),
    ]
    assert [(told["error"]["code"], told["error"]["status"]) for told in gone] == [(404, "NOT_FOUND")] * 4
    assert curl("GET", "cachedContents") == {}


def test_an_update_of_nothing_changes_nothing(curl: Curl, cache: dict[str, Any]) -> None:
    """As Google's sample for Go sends it, whose duration comes to nothing."""
    told = curl("PATCH", f"cachedContents/{id_of(cache)}", "{}")

    assert told["expireTime"] == cache["expireTime"]
