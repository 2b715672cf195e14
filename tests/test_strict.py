"""Strict mode through every door: the same gate stands before all of them."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
from google.cloud.aiplatform_v1 import GenerateContentRequest

from geminid.app import App
from geminid.settings import Auth, Server, Settings, SettingsError, checked
from geminid.storage.base import Kind
from geminid.storage.file import FileCredentials
from geminid.storage.minting import mint

MODEL = "projects/mine/locations/l/publishers/google/models/gemini-1.5-flash"
HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
CHAT = {"model": "google/gemini-1.5-flash", "messages": [{"role": "user", "content": "Hello"}]}
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    settings = Settings(
        engine="scripted", auth=Auth(mode="strict"), server=Server(port=0, grpc_port=0, tls_port=0)
    )
    app = App(settings, tmp_path)
    await app.start()
    yield app
    await app.stop()


async def made(app_state: Path, kind: Kind, project: str = "mine") -> str:
    """A credential that geminid has issued."""
    text, record = mint(
        kind,
        name="test",
        project=project,
        now=dt.datetime.now(dt.UTC),
        lifetime=dt.timedelta(hours=1),
        scopes=(SCOPE,),
    )
    await FileCredentials(app_state / "credentials.json").put_secret(record)
    return text


async def post(app: App, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{app.listener.port}{path}"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
        return response.status, json.loads(await response.read())


PATHS = {
    f"/v1/{MODEL}:generateContent": HELLO,
    f"/v1/{MODEL}:countTokens": HELLO,
    f"/v1beta1/{MODEL}:streamGenerateContent": HELLO,
    "/v1/projects/mine/locations/l/endpoints/openapi/chat/completions": CHAT,
    "/v1/chat/completions": CHAT,
}


@pytest.mark.parametrize("path", PATHS)
async def test_without_credentials_every_door_is_shut(app: App, path: str) -> None:
    status, body = await post(app, path, PATHS[path])

    error = (body[0] if isinstance(body, list) else body)["error"]
    assert (status, error["status"]) == (401, "UNAUTHENTICATED")


async def test_the_developer_api_wants_a_key(app: App, tmp_path: Path) -> None:
    path = "/v1beta/models/gemini-1.5-flash:generateContent"
    key = await made(tmp_path, Kind.API_KEY)

    assert (await post(app, path, HELLO))[0] == 403
    assert (await post(app, f"{path}?key=AIzawrong", HELLO))[0] == 400
    assert (await post(app, f"{path}?key={key}", HELLO))[0] == 200


async def test_an_openai_client_sends_its_key_as_the_bearer(app: App, tmp_path: Path) -> None:
    key = await made(tmp_path, Kind.API_KEY)

    assert (await post(app, "/v1/chat/completions", CHAT, Authorization=f"Bearer {key}"))[0] == 200


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_opens_every_door_of_its_project(app: App, tmp_path: Path, path: str) -> None:
    token = await made(tmp_path, Kind.ACCESS_TOKEN)

    status, body = await post(app, path, PATHS[path], Authorization=f"Bearer {token}")

    assert status == 200, body


@pytest.mark.parametrize("path", [path for path in PATHS if "mine" in path])
async def test_a_token_of_another_project_opens_none(app: App, tmp_path: Path, path: str) -> None:
    token = await made(tmp_path, Kind.ACCESS_TOKEN, project="other")

    status, body = await post(app, path, PATHS[path], Authorization=f"Bearer {token}")

    error = (body[0] if isinstance(body, list) else body)["error"]
    assert (status, error["status"]) == (403, "PERMISSION_DENIED")
    assert "aiplatform.endpoints.predict" in error["message"]


async def test_grpc_has_the_same_gate(app: App, tmp_path: Path) -> None:
    token = await made(tmp_path, Kind.ACCESS_TOKEN)
    request = GenerateContentRequest.serialize(GenerateContentRequest(HELLO, model=MODEL))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc.port}") as channel:
        call = channel.unary_unary("/google.cloud.aiplatform.v1.PredictionService/GenerateContent")

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(request)
        answer = await call(request, metadata=[("authorization", f"Bearer {token}")])

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert answer


@pytest.mark.parametrize("path", ["/v1beta1/publishers/google/models", "/v1beta/models", "/v1beta/openai/models"])
async def test_lists_of_models_are_behind_it_too(app: App, path: str) -> None:
    url = f"http://127.0.0.1:{app.listener.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status in (401, 403)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_an_open_server_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(SettingsError, match="would let everyone"):
        checked(Settings(server=Server(host=host)))

    assert checked(Settings(server=Server(host=host), auth=Auth(mode="strict")))


async def test_no_secret_is_logged_or_sent_back(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = ["ya29.wrong-token", "AIzawrong-key", "not.a.jwt", "secret-of-a-client"]
    secrets = [await made(tmp_path, kind) for kind in (Kind.API_KEY, Kind.ACCESS_TOKEN)] + wrong

    answers = [
        await post(app, path, PATHS[path], **headers)
        for path in PATHS
        for secret in secrets
        for headers in ({"Authorization": f"Bearer {secret}"}, {"x-goog-api-key": secret})
    ]

    said = caplog.text + json.dumps(answers)
    assert "geminid.calls" in caplog.text
    assert [secret for secret in secrets if secret in said] == []
