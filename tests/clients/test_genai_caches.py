"""google-genai keeps the beginning of a prompt, uses it, and what was used can be read afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

MODEL = "gemini-2.5-flash"
PROGRAM = Path(__file__).parent / "matrix" / "python" / "caches_genai.py"
DOCUMENT = "The keeper of the lighthouse wrote down the weather of every single day. " * 20


class Server(Protocol):
    url: str
    state: Path


@pytest.fixture(params=["vertex", "developer"])
def client(request: pytest.FixtureRequest, scripted: Server) -> genai.Client:
    options = types.HttpOptions(base_url=scripted.url)
    if request.param == "developer":
        return genai.Client(api_key="any", http_options=options)
    return genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=Credentials("any"), http_options=options
    )


def test_a_cache_from_its_making_to_its_end(client: genai.Client) -> None:
    made = client.caches.create(
        model=MODEL,
        config={"contents": DOCUMENT, "system_instruction": "Be brief.", "ttl": "600s", "display_name": "log"},
    )
    assert made.name
    assert made.usage_metadata
    cached = made.usage_metadata.total_token_count

    answer = client.models.generate_content(
        model=MODEL, contents="What did the keeper do?", config={"cached_content": made.name, "labels": None}
    )
    changed = client.caches.update(name=made.name, config={"ttl": "1200s"})
    listed = [each.name for each in client.caches.list()]
    client.caches.delete(name=made.name)

    assert answer.text == "This is a scripted answer."
    assert answer.usage_metadata
    assert answer.usage_metadata.cached_content_token_count == cached
    assert made.expire_time
    assert changed.expire_time
    assert changed.expire_time > made.expire_time
    assert made.name in listed
    with pytest.raises(errors.ClientError):
        client.models.generate_content(model=MODEL, contents="And?", config={"cached_content": made.name})


@pytest.mark.parametrize("mode", ["v1", "v1beta1", "developer"])
def test_what_a_program_gets(
    ask: Callable[..., dict[str, Any]],
    caches_variables: dict[str, str],
    expected_of_caches: dict[str, Any],
    mode: str,
) -> None:
    expected = expected_of_caches | ({"gone": [403, 403], "async_gone": [403]} if mode == "developer" else {})

    assert ask(sys.executable, PROGRAM, mode, **caches_variables) == expected


def test_what_was_used_is_told_by_label(scripted: Server) -> None:
    client = genai.Client(
        vertexai=True, project="p", location="us-central1", credentials=Credentials("any"),
        http_options=types.HttpOptions(base_url=scripted.url),
    )  # fmt: skip
    answer = client.models.generate_content(
        model=MODEL, contents="Hello, keeper", config={"labels": {"team": "lighthouse"}}
    )
    assert answer.usage_metadata

    assert "lighthouse" in labels_told(scripted)


def labels_told(server: Server) -> set[str]:
    """Asks until there is one: records are brought to the database once a second."""
    database = f"sqlite:///{server.state / 'geminid.db'}"
    command = [sys.executable, "-m", "geminid", "usage", "--database", database, "--by", "label.team"]
    for _ in range(20):
        told = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, timeout=60)
        assert told.returncode == 0, told.stderr
        if groups := {row["group"] for row in json.loads(told.stdout)["rows"] if row["group"]}:
            return groups
    return set()
