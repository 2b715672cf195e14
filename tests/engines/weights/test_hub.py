"""The Hugging Face hub, through a stand-in for its HTTP interface, in a process of its own.

The hub's library reads its environment when it is first imported, hence the process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from geminid.engines.weights import Weights, WeightsError, fetch

Pinned = Callable[..., Weights]

COMMIT = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"
SOURCE = f"hf:ggml-org/tiny-GGUF@{COMMIT}/tiny.gguf"
ADDRESS = f"/ggml-org/tiny-GGUF/resolve/{COMMIT}/tiny.gguf"

FETCH = """
import sys
from geminid.engines.weights import Licence, Weights, WeightsError, fetch
{before}
source, sha256 = sys.argv[1:]
weights = Weights(name="m", title="M", source=source, sha256=sha256, licence=Licence("MIT"), context_tokens=1)
try:
    print(fetch(weights).read_bytes()[:4].hex())
except WeightsError as error:
    sys.exit(str(error))
"""


def run(weights: Weights, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FETCH.format(before=before), weights.source, weights.sha256],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_file_comes_from_the_hub_and_the_token_stays_there(
    site: Any, start_site: Any, body: Any, pinned: Pinned, data: bytes
) -> None:
    storage = start_site()
    storage.bodies["/blob?signature=1"] = body(data, etag='"abc"', cuts=[100_000])
    # https://huggingface.co/docs/hub answers for a large file with a redirect to storage elsewhere.
    linked = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": '"abc"', "X-Linked-Size": str(len(data))}
    site.bodies[ADDRESS] = body(
        status=302, login="Bearer hf_x", headers={"Location": storage.url("/blob?signature=1"), **linked}
    )

    done = run(pinned(SOURCE), HF_ENDPOINT=site.url(""), HF_TOKEN="hf_x")

    assert (done.stdout, done.stderr) == (f"{data[:4].hex()}\n", "")
    assert storage.ranges() == [None, "bytes=100000-"]
    assert "authorization" not in storage.asked[0].headers


def test_a_gated_repository_says_where_to_agree(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    site.bodies[ADDRESS] = body(data, login="Bearer hf_x")

    done = run(pinned(SOURCE), HF_ENDPOINT=site.url(""))

    assert done.returncode == 1
    assert f"look at {site.url('/ggml-org/tiny-GGUF')}, then set HF_TOKEN" in done.stderr


def test_offline_is_respected(site: Any, pinned: Pinned) -> None:
    done = run(pinned(SOURCE), HF_ENDPOINT=site.url(""), HF_HUB_OFFLINE="1")

    assert "HF_HUB_OFFLINE forbids" in done.stderr
    assert site.asked == []


def test_without_the_library_the_extra_is_named(pinned: Pinned) -> None:
    done = run(pinned(SOURCE), before="sys.modules['huggingface_hub'] = None")

    assert "pip install 'geminid[hub]'" in done.stderr


def test_a_name_that_no_repository_has(pinned: Pinned) -> None:
    with pytest.raises(WeightsError, match="is not a repository of the Hugging Face hub"):
        fetch(pinned("hf:a--b/c/tiny.gguf"))
