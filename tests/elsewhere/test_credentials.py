"""How a server shows the one that it asks who it is."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from geminid.app import App
from geminid.settings import Auth, Safety, Server, Settings, Vertex
from geminid.storage.file import FileCredentials
from geminid.storage.minting import service_account

MODEL = "gemini-2.5-flash"
ASKED = {"contents": {"parts": {"text": "Hello"}}}


@pytest.fixture
async def strict(tmp_path: Path) -> Any:
    """A server that lets in who has the key of its one service account, which is in this file."""
    state = tmp_path / "strict"
    settings = Settings(
        engine="scripted",
        server=Server(port=0, grpc_port=0, tls_port=0),
        auth=Auth(mode="strict", account="me@p1.iam.gserviceaccount.com"),
        safety=Safety(rater="none"),
    )
    app = App(settings, state)
    await app.start()
    url = f"http://127.0.0.1:{app.listener.port}"
    key, account = service_account("me", "p1", token_uri=f"{url}/token", now=dt.datetime.now(dt.UTC))
    await FileCredentials(state / "credentials.json").put_account(account)
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key))
    yield url, file
    await app.stop()


async def asked(front: Any, url: str, credentials: str) -> int:
    engine = Vertex(endpoint=url, project="p1", credentials=credentials)
    server = await front(engines={"vertex": engine})
    status: int = (await server.post(f"{MODEL}:generateContent", ASKED))[0]
    return status


async def test_a_service_account_gets_its_token(strict: Any, front: Any) -> None:
    url, file = strict

    assert await asked(front, url, str(file)) == 200


async def test_the_environment_says_where_the_file_is(strict: Any, front: Any, monkeypatch: Any) -> None:
    url, file = strict
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    assert await asked(front, url, "") == 200


async def test_the_metadata_server_gives_a_token(
    strict: Any, front: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    url, _ = strict
    host = url.removeprefix("http://")
    for name, value in {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "CLOUDSDK_CONFIG": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)

    assert await asked(front, url, "") == 200


async def test_without_credentials_nobody_is_let_in(strict: Any, front: Any) -> None:
    """The caller is told that the service is not there, since its own credentials are not at fault."""
    url, _ = strict

    assert await asked(front, url, "none") == 503
