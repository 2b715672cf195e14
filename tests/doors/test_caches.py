"""Cached contents through the doors: what they read and write, and Google's own clients on a real database."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import httpx
import pytest
import vertexai
from google import genai
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, aiplatform_v1beta1
from google.genai import errors, types
from google.oauth2.credentials import Credentials
from vertexai import caching
from vertexai.generative_models import Content, Part

from geminid.call import Call, Handler, Stream
from geminid.doors.choice import FirstOf
from geminid.doors.developer import DeveloperDoor
from geminid.doors.grpc import GrpcDoor
from geminid.doors.listen import Listener
from geminid.doors.rest import RestDoor
from geminid.engines.scripted import Scripted
from geminid.gemini.profiles import Catalogue
from geminid.media.understand import Understanding
from geminid.service.cached import CachedPrompts
from geminid.service.caching import GenAiCacheService
from geminid.service.prefixes import Prefixes
from geminid.service.registry import Registry
from geminid.service.tokens import LlmUtilityService
from geminid.storage.sql.database import open_database
from geminid.wire import developer_routes, routes
from geminid.wire.caching import (
    CreateCachedContentRequest,
    ListCachedContentsRequest,
    UpdateCachedContentRequest,
)
from geminid.wire.message import Duration, FieldMask

HOME = "projects/my-project/locations/us-central1"
CACHES = f"/v1beta1/{HOME}/cachedContents"
MODEL = f"{HOME}/publishers/google/models/gemini-2.5-flash"
BOOK = {"model": MODEL, "contents": [{"role": "user", "parts": [{"text": "A very long book."}]}]}


class Recorder:
    """Keeps the calls that pass."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def watch(self, handler: Handler) -> Handler:
        async def watched(call: Call) -> Stream:
            self.calls.append(call)
            async for message in handler(call):
                yield message

        return watched

    @property
    def request(self) -> Any:
        return self.calls[-1].request


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def handlers(
    tmp_path: Path, understanding: Understanding, recorder: Recorder
) -> AsyncIterator[dict[str, Handler]]:
    """By the names of methods."""
    database = await open_database(f"sqlite:///{tmp_path / 'geminid.db'}")
    registry = Registry(Catalogue(), Scripted(), {})
    service = GenAiCacheService(
        database.cached_contents, registry, understanding, Prefixes(database.cached_contents, registry)
    )
    prompts = CachedPrompts(database.cached_contents, registry)
    yield {
        "CountTokens": LlmUtilityService(registry, understanding, prompts).count_tokens,
        "CreateCachedContent": recorder.watch(service.create_cached_content),
        "GetCachedContent": recorder.watch(service.get_cached_content),
        "ListCachedContents": recorder.watch(service.list_cached_contents),
        "UpdateCachedContent": recorder.watch(service.update_cached_content),
        "DeleteCachedContent": recorder.watch(service.delete_cached_content),
    }
    await database.aclose()


@pytest.fixture
async def url(handlers: dict[str, Handler]) -> AsyncIterator[str]:
    vertex = {method: handlers[method.name] for method in routes.METHODS if method.name in handlers}
    developer = {method: handlers[method.name] for method in developer_routes.METHODS if method.name in handlers}
    app = FirstOf(
        DeveloperDoor(developer, Catalogue(), request_bytes=600_000),
        otherwise=RestDoor(vertex, request_bytes=600_000),
    )
    listener = Listener(app, host="127.0.0.1", port=0, drain_seconds=1)
    await listener.start()
    yield f"http://127.0.0.1:{listener.port}"
    await listener.stop()


@pytest.fixture
async def ask(url: str) -> AsyncIterator[Callable[..., Any]]:
    """Sends a request and gives back its status and what the body says."""
    async with aiohttp.ClientSession() as session:

        async def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            data = None if body is None else json.dumps(body).encode()
            async with session.request(method, url + path, data=data) as response:
                return response.status, json.loads(await response.read())

        yield send


@pytest.fixture
async def channel(handlers: dict[str, Handler]) -> AsyncIterator[grpc.aio.Channel]:
    served = {method: handlers[method.name] for method in routes.METHODS if method.name in handlers}
    door = GrpcDoor(served, host="127.0.0.1", port=0, drain_seconds=0.2)
    await door.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{door.port}")
    yield channel
    await channel.close()
    await door.stop()


# What the doors read.


async def test_the_body_of_a_creation_is_the_cache_itself(ask: Any, recorder: Recorder) -> None:
    status, created = await ask("POST", CACHES, BOOK | {"ttl": "60.5s", "displayName": "Book"})

    assert status == 200
    assert isinstance(recorder.request, CreateCachedContentRequest)
    assert recorder.request.parent == recorder.calls[0].resource == HOME
    assert recorder.request.cached_content.ttl == Duration(60, 500_000_000)
    assert list(created) == [
        "name", "model", "createTime", "updateTime", "expireTime", "displayName", "usageMetadata"
    ]  # fmt: skip
    assert created["usageMetadata"] == {"totalTokenCount": 5, "textCount": 17}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"modle": "m"},
            "Invalid JSON payload received. Unknown name \"modle\" at 'cached_content': Cannot find field.",
        ),
        (
            {"ttl": 3600},
            "Invalid value at 'cached_content.ttl' (type.googleapis.com/google.protobuf.Duration), Field 'ttl', ",
        ),
        (
            {"ttl": "1s", "expireTime": "2099-01-01T00:00:00Z"},
            "Invalid value at 'cached_content' (oneof), oneof field 'expiration' is already set.",
        ),
    ],
)
async def test_what_is_wrong_with_a_body_is_told_from_the_whole_message_on(
    ask: Any, body: Any, message: str
) -> None:
    status, answer = await ask("POST", CACHES, body)

    assert status == 400
    assert answer["error"]["message"].startswith(message)


async def test_paging_stands_in_the_query(ask: Any, recorder: Recorder) -> None:
    for _ in range(3):
        await ask("POST", CACHES, BOOK)

    _, first = await ask("GET", f"{CACHES}?pageSize=2")
    _, second = await ask("GET", f"{CACHES}?page_size=2&pageToken={first['nextPageToken']}")

    assert isinstance(recorder.request, ListCachedContentsRequest)
    assert [len(page["cachedContents"]) for page in (first, second)] == [2, 1]
    assert "nextPageToken" not in second


@pytest.mark.parametrize(
    ("query", "mask"), [("", None), ("?updateMask=expireTime,ttl", FieldMask(["expire_time", "ttl"]))]
)
async def test_the_mask_of_an_update_stands_in_the_query(
    ask: Any, recorder: Recorder, query: str, mask: FieldMask | None
) -> None:
    _, created = await ask("POST", CACHES, BOOK)

    status, updated = await ask("PATCH", f"/v1/{created['name']}{query}", {"ttl": "7200s"})

    assert status == 200
    assert isinstance(recorder.request, UpdateCachedContentRequest)
    assert recorder.request.update_mask == mask
    assert recorder.request.cached_content.name == recorder.calls[-1].resource == created["name"]
    assert updated["expireTime"] > created["expireTime"]


async def test_a_deletion_answers_with_nothing(ask: Any) -> None:
    _, created = await ask("POST", CACHES, BOOK)

    assert await ask("DELETE", f"/v1/{created['name']}") == (200, {})
    status, answer = await ask("DELETE", f"/v1/{created['name']}")

    assert (status, answer["error"]["status"]) == (404, "NOT_FOUND")


async def test_the_developer_api_tells_its_own_form(ask: Any) -> None:
    own = BOOK | {"model": "models/gemini-2.5-flash"}

    _, created = await ask("POST", "/v1beta/cachedContents", own)
    _, listed = await ask("GET", "/v1beta/cachedContents")
    status, gone = await ask("GET", "/v1beta/cachedContents/unknown")

    assert created["name"].startswith("cachedContents/")
    assert created["usageMetadata"] == {"totalTokenCount": 5}
    assert listed == {"cachedContents": [created]}
    assert (status, gone["error"]["message"]) == (403, "CachedContent not found (or permission denied)")


async def test_the_developer_api_names_a_model_that_is_not_there(ask: Any) -> None:
    status, answer = await ask("POST", "/v1beta/cachedContents", BOOK | {"model": "models/gemini-9"})

    assert status == 404
    assert answer["error"]["message"].startswith(
        "models/gemini-9 is not found for API version v1beta, or is not supported for createCachedContent."
    )


def counting(name: str, **fields: Any) -> Any:
    contents = [{"role": "user", "parts": [{"text": "Who wrote it?"}]}]
    whole = {"model": "models/gemini-2.5-flash", "contents": contents, "cachedContent": name}
    return {"generateContentRequest": whole | fields}


COUNT = "/v1beta/models/gemini-2.5-flash:countTokens"


async def test_the_developer_api_counts_with_what_is_cached(ask: Any) -> None:
    _, created = await ask("POST", "/v1beta/cachedContents", BOOK | {"model": "models/gemini-2.5-flash"})

    status, counted = await ask("POST", COUNT, counting(created["name"]))
    _, without = await ask("POST", COUNT, counting(""))

    assert status == 200
    assert counted == {
        "totalTokens": without["totalTokens"] + 5,
        "cachedContentTokenCount": 5,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": without["totalTokens"] + 5}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
    }


@pytest.mark.parametrize(
    ("model", "fields", "status", "message"),
    [
        ("gemini-2.5-flash", {"cachedContent": "cachedContents/none"}, 403, "CachedContent not found"),
        ("gemini-2.5-flash", {"cachedContent": "none"}, 400, "Invalid CachedContent name: none."),
        (
            "gemini-2.5-flash",
            {"systemInstruction": {"parts": [{"text": "Hi"}]}},
            400,
            "CachedContent can not be used",
        ),
        ("gemini-2.5-pro", {}, 400, "Model used by GenerateContent request (models/gemini-2.5-pro) and "),
    ],
)
async def test_a_count_with_a_cache_is_refused_as_a_generation_is(
    ask: Any, model: str, fields: Any, status: int, message: str
) -> None:
    _, created = await ask("POST", "/v1beta/cachedContents", BOOK | {"model": "models/gemini-2.5-flash"})

    told, answer = await ask("POST", COUNT.replace("gemini-2.5-flash", model), counting(created["name"], **fields))

    assert (told, answer["error"]["message"][: len(message)]) == (status, message)


async def test_vertex_knows_no_cache_in_a_count(ask: Any) -> None:
    status, answer = await ask("POST", f"/v1/{MODEL}:countTokens", {"cachedContent": "cachedContents/1"})

    assert status == 400
    assert 'Unknown name "cachedContent": Cannot find field.' in answer["error"]["message"]


# Google's clients.


@pytest.mark.parametrize("version", [aiplatform_v1, aiplatform_v1beta1])
async def test_grpc(channel: grpc.aio.Channel, version: Any) -> None:
    service = f"/google.cloud.aiplatform.{version.__name__.rpartition('_')[2]}.GenAiCacheService"

    async def invoke(name: str, request: Any, answer: Any = None) -> Any:
        call = channel.unary_unary(
            f"{service}/{name}",
            request_serializer=type(request).serialize,
            response_deserializer=answer and answer.deserialize,
        )
        return await call(request)

    content = version.CachedContent(
        model=MODEL, contents=[version.Content(role="user", parts=[version.Part(text="A book.")])]
    )
    create = version.CreateCachedContentRequest(parent=HOME, cached_content=content)
    created = await invoke("CreateCachedContent", create, version.CachedContent)
    update = version.UpdateCachedContentRequest(
        cached_content=version.CachedContent(name=created.name, ttl=dt.timedelta(hours=2)),
        update_mask={"paths": ["ttl"]},
    )
    updated = await invoke("UpdateCachedContent", update, version.CachedContent)
    listing = version.ListCachedContentsRequest(parent=HOME)
    listed = await invoke("ListCachedContents", listing, version.ListCachedContentsResponse)
    deleted = await invoke("DeleteCachedContent", version.DeleteCachedContentRequest(name=created.name))

    assert updated.expire_time - created.expire_time >= dt.timedelta(minutes=59)
    assert [cache.name for cache in listed.cached_contents] == [created.name]
    assert deleted == b""
    with pytest.raises(grpc.aio.AioRpcError, match="Not found: cached content metadata for"):
        await invoke("GetCachedContent", version.GetCachedContentRequest(name=created.name))


async def test_an_update_of_nothing_over_grpc(channel: grpc.aio.Channel) -> None:
    call = channel.unary_unary("/google.cloud.aiplatform.v1.GenAiCacheService/UpdateCachedContent")

    with pytest.raises(grpc.aio.AioRpcError, match="Invalid CachedContent name"):
        await call(b"")


@pytest.mark.parametrize("on_vertex", [True, False], ids=["vertex", "developer"])
async def test_genai(url: str, on_vertex: bool) -> None:
    async with httpx.AsyncClient() as session:
        options = types.HttpOptions(base_url=url, httpx_async_client=session)
        account: dict[str, Any] = {"api_key": "a-key"}
        if on_vertex:
            bearer = Credentials(token="t")  # type: ignore[no-untyped-call]
            account = {
                "vertexai": True, "project": "my-project", "location": "us-central1", "credentials": bearer
            }  # fmt: skip
        with genai.Client(http_options=options, **account) as client:
            await _use_genai(client.aio.caches)


async def _use_genai(caches: Any) -> None:
    config = types.CreateCachedContentConfig(
        contents=[types.Content(role="user", parts=[types.Part(text="A very long book.")])],
        system_instruction="Be brief.",
        display_name="Book",
        ttl="3600s",
    )

    created = await caches.create(model="gemini-2.5-flash", config=config)
    updated = await caches.update(name=created.name, config=types.UpdateCachedContentConfig(ttl="7200s"))
    await caches.update(
        name=created.name,
        config=types.UpdateCachedContentConfig(expire_time=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)),
    )
    listed = [cache.name async for cache in await caches.list(config={"page_size": 1})]
    got = await caches.get(name=created.name)
    await caches.delete(name=created.name)

    assert created.usage_metadata.total_token_count > 5
    assert created.display_name == "Book"
    assert updated.expire_time > created.expire_time
    assert listed == [created.name]
    assert got.expire_time == dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(errors.ClientError):
        await caches.get(name=created.name)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
async def test_vertexai(url: str) -> None:
    def use() -> None:
        vertexai.init(
            project="my-project",
            location="us-central1",
            api_transport="rest",
            api_endpoint=url,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
        created = caching.CachedContent.create(
            model_name="gemini-2.5-flash",
            contents=[Content(role="user", parts=[Part.from_text("A very long book.")])],
            ttl=dt.timedelta(hours=1),
            display_name="Book",
        )
        before = created.expire_time
        created.update(ttl=dt.timedelta(hours=2))
        created.refresh()

        assert (created.model_name, created.display_name) == (MODEL, "Book")
        assert created.expire_time > before
        assert [cache.name for cache in caching.CachedContent.list()] == [created.name]
        created.delete()
        with pytest.raises(NotFound):
            caching.CachedContent(created.name)

    await asyncio.to_thread(use)
