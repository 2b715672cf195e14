"""curl, called as Google's pages show it, with only the host changed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Protocol

import pytest

REQUEST = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}


class HasUrl(Protocol):
    url: str


def curl(server: HasUrl, tail: str, folder: Path, project: str = "PROJECT_ID", location: str = "LOCATION") -> str:
    """The documented command: the body in request.json, a bearer token, POST."""
    config = {"temperature": 0, "maxOutputTokens": 24}
    (folder / "request.json").write_text(json.dumps(REQUEST | {"generationConfig": config}))
    path = f"v1/projects/{project}/locations/{location}/publishers/google/models/{tail}"
    return subprocess.run(
        [
            "curl", "--no-buffer", "--silent", "--show-error", "-X", "POST",
            "-H", "Authorization: Bearer ya29.token",
            "-H", "Content-Type: application/json; charset=utf-8",
            "-d", "@request.json",
            f"{server.url}/{path}",
        ],
        cwd=folder, check=True, capture_output=True,
    ).stdout.decode()  # fmt: skip


@pytest.mark.model
@pytest.mark.parametrize(("project", "location"), [("PROJECT_ID", "LOCATION"), ("1234567", "europe-west4")])
def test_generate_content(embedded: HasUrl, tmp_path: Path, project: str, location: str) -> None:
    text = curl(embedded, "gemini-1.5-flash-002:generateContent", tmp_path, project, location)

    answer = json.loads(text)
    assert text.startswith('{\n  "candidates": [\n    {\n      "content": {\n        "role": "model",\n')
    assert text.endswith("}\n")
    assert answer["candidates"][0]["content"]["parts"][0]["text"]
    assert list(answer) == ["candidates", "usageMetadata", "modelVersion", "createTime", "responseId"]


@pytest.mark.model
def test_stream_generate_content(embedded: HasUrl, tmp_path: Path) -> None:
    text = curl(embedded, "gemini-1.5-flash-002:streamGenerateContent", tmp_path)

    chunks = json.loads(text)
    assert text.startswith('[{\n  "candidates": [')
    assert "\n}\n,\r\n{\n" in text
    assert text.endswith("\n}\n]")
    assert "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
    assert [("finishReason" in chunk["candidates"][0]) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert "totalTokenCount" in chunks[-1]["usageMetadata"]


@pytest.mark.model
def test_server_sent_events(embedded: HasUrl, tmp_path: Path) -> None:
    text = curl(embedded, "gemini-1.5-flash-002:streamGenerateContent?alt=sse", tmp_path)

    *events, rest = text.split("\r\n\r\n")
    assert rest == ""
    assert all(event.startswith('data: {"candidates": [{') and "\n" not in event for event in events)
