"""What one project has cached is not there for another, through every door, and nothing tells that it is there.

A refusal is that of an id which never was, byte by byte but for the id.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import grpc.aio
import pytest
from google.cloud import aiplatform_v1, aiplatform_v1beta1

from geminid.app import App
from geminid.settings import Auth, Safety, Server, Settings
from geminid.storage.base import Kind
from geminid.storage.file import FileCredentials
from geminid.storage.minting import mint

MODEL = "publishers/google/models/gemini-2.5-flash"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
BOOK = [{"role": "user", "parts": [{"text": "A secret book. " * 30_000}]}]  # more than a row takes
HELLO = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client sees: a status, and the bytes of the body."""

    status: str
    body: bytes

    def without(self, id: str) -> Answer:
        return Answer(self.status, self.body.replace(id.encode(), b"ID"))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody of a project, with a token for Vertex AI and a key for the Developer API."""

    project: str
    token: str
    key: str
    session: aiohttp.ClientSession
    channel: grpc.aio.Channel
    url: str

    @property
    def home(self) -> str:
        return f"projects/{self.project}/locations/l"

    async def rest(self, method: str, path: str, body: Any = None) -> Answer:
        return await self._http(method, path, body, {"Authorization": f"Bearer {self.token}"})

    async def developer(self, method: str, path: str, body: Any = None) -> Answer:
        return await self._http(method, path, body, {"x-goog-api-key": self.key})

    async def _http(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
            return Answer(str(response.status), await response.read())

    async def grpc(self, version: Any, rpc: str, request: Any) -> Answer:
        service = "PredictionService" if rpc == "GenerateContent" else "GenAiCacheService"
        path = f"/google.cloud.aiplatform.{version.__name__.rpartition('_')[2]}.{service}/{rpc}"
        call = self.channel.unary_unary(path, request_serializer=type(request).serialize)
        try:
            return Answer("OK", await call(request, metadata=[("authorization", f"Bearer {self.token}")]))
        except grpc.aio.AioRpcError as error:
            details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
            assert isinstance(details, bytes)
            return Answer(error.code().name, (error.details() or "").encode() + details)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    ports = Server(port=0, grpc_port=0, tls_port=0)
    settings = Settings(engine="scripted", auth=Auth(mode="strict"), server=ports, safety=Safety(rater="none"))
    app = App(settings, tmp_path)
    await app.start()
    yield app
    await app.stop()


Call_: TypeAlias = Callable[[str], Awaitable[Caller]]


@pytest.fixture
async def caller(app: App, tmp_path: Path) -> AsyncIterator[Call_]:
    """Makes a caller of a project."""
    credentials = FileCredentials(tmp_path / "credentials.json")
    async with (
        aiohttp.ClientSession() as session,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.grpc.port}") as channel,
    ):

        async def caller(project: str) -> Caller:
            secrets = []
            for kind in (Kind.ACCESS_TOKEN, Kind.API_KEY):
                now, hour = dt.datetime.now(dt.UTC), dt.timedelta(hours=1)
                secret, record = mint(kind, name=project, project=project, now=now, lifetime=hour, scopes=(SCOPE,))
                await credentials.put_secret(record)
                secrets.append(secret)
            return Caller(project, *secrets, session, channel, f"http://127.0.0.1:{app.listener.port}")

        yield caller


@dataclass(frozen=True, slots=True)
class Cached:
    """The ids of two caches of ``theirs``, one in each API."""

    vertex: str
    developer: str


def unknown(id: str) -> str:
    """An id that never was, as long as that one."""
    return id[:-1] + ("1" if id[-1] != "1" else "2")


@pytest.fixture
async def theirs(caller: Call_) -> Caller:
    return await caller("theirs")


@pytest.fixture
async def mine(caller: Call_) -> Caller:
    return await caller("mine")


@pytest.fixture
async def cached(theirs: Caller) -> Cached:
    vertex = await theirs.rest(
        "POST",
        f"/v1/{theirs.home}/cachedContents",
        {"model": f"{theirs.home}/{MODEL}", "contents": BOOK},
    )
    developer = await theirs.developer(
        "POST", "/v1beta/cachedContents", {"model": "models/gemini-2.5-flash", "contents": BOOK}
    )
    ids = [json.loads(answer.body)["name"].rpartition("/")[2] for answer in (vertex, developer)]
    return Cached(*ids)


Try: TypeAlias = Callable[[Caller, str, str], Awaitable[Answer]]
"""By somebody, on a cache that is in a place (``projects/P/locations/L``) and has an id."""


def using(name: str) -> dict[str, Any]:
    return HELLO | {"cachedContent": name}


def rest(version: str) -> dict[str, Try]:
    async def get(caller: Caller, place: str, id: str) -> Answer:
        return await caller.rest("GET", f"/{version}/{place}/cachedContents/{id}")

    async def patch(caller: Caller, place: str, id: str) -> Answer:
        return await caller.rest("PATCH", f"/{version}/{place}/cachedContents/{id}?updateMask=ttl", {"ttl": "60s"})

    async def delete(caller: Caller, place: str, id: str) -> Answer:
        return await caller.rest("DELETE", f"/{version}/{place}/cachedContents/{id}")

    async def use(caller: Caller, place: str, id: str) -> Answer:
        model = f"/{version}/{caller.home}/{MODEL}"
        return await caller.rest("POST", f"{model}:generateContent", using(f"{place}/cachedContents/{id}"))

    async def stream(caller: Caller, place: str, id: str) -> Answer:
        model = f"/{version}/{caller.home}/{MODEL}"
        return await caller.rest("POST", f"{model}:streamGenerateContent", using(f"{place}/cachedContents/{id}"))

    async def use_without_a_project(caller: Caller, place: str, id: str) -> Answer:
        body = using(f"{place}/cachedContents/{id}")
        return await caller.rest("POST", f"/{version}/{MODEL}:generateContent", body)

    found = {
        "get": get, "patch": patch, "delete": delete, "use": use, "stream": stream,
        "use without a project": use_without_a_project,
    }  # fmt: skip
    return {f"{version} {name}": one for name, one in found.items()}


def over_grpc(version: Any) -> dict[str, Try]:
    async def get(caller: Caller, place: str, id: str) -> Answer:
        request = version.GetCachedContentRequest(name=f"{place}/cachedContents/{id}")
        return await caller.grpc(version, "GetCachedContent", request)

    async def update(caller: Caller, place: str, id: str) -> Answer:
        cached = version.CachedContent(name=f"{place}/cachedContents/{id}", ttl=dt.timedelta(minutes=1))
        request = version.UpdateCachedContentRequest(cached_content=cached, update_mask={"paths": ["ttl"]})
        return await caller.grpc(version, "UpdateCachedContent", request)

    async def delete(caller: Caller, place: str, id: str) -> Answer:
        request = version.DeleteCachedContentRequest(name=f"{place}/cachedContents/{id}")
        return await caller.grpc(version, "DeleteCachedContent", request)

    async def use(caller: Caller, place: str, id: str) -> Answer:
        request = version.GenerateContentRequest(
            HELLO, model=f"{caller.home}/{MODEL}", cached_content=f"{place}/cachedContents/{id}"
        )
        return await caller.grpc(version, "GenerateContent", request)

    found = {"get": get, "update": update, "delete": delete, "use": use}
    return {f"gRPC {version.__name__} {name}": one for name, one in found.items()}


async def chat(caller: Caller, place: str, id: str) -> Answer:
    return await caller.rest(
        "POST",
        f"/v1/{caller.home}/endpoints/openapi/chat/completions",
        {
            "model": "google/gemini-2.5-flash",
            "messages": [{"role": "user", "content": "Hello"}],
            "extra_body": {"google": {"cached_content": f"{place}/cachedContents/{id}"}},
        },
    )


VERTEX: dict[str, Try] = {
    **rest("v1"), **rest("v1beta1"), **over_grpc(aiplatform_v1), **over_grpc(aiplatform_v1beta1),
    "OpenAI use": chat,
}  # fmt: skip


async def get_own(caller: Caller, place: str, id: str) -> Answer:
    return await caller.developer("GET", f"/v1beta/cachedContents/{id}")


async def patch_own(caller: Caller, place: str, id: str) -> Answer:
    return await caller.developer("PATCH", f"/v1beta/cachedContents/{id}", {"ttl": "60s"})


async def delete_own(caller: Caller, place: str, id: str) -> Answer:
    return await caller.developer("DELETE", f"/v1beta/cachedContents/{id}")


async def use_own(caller: Caller, place: str, id: str) -> Answer:
    body = using(f"cachedContents/{id}")
    return await caller.developer("POST", "/v1beta/models/gemini-2.5-flash:generateContent", body)


async def use_by_place(caller: Caller, place: str, id: str) -> Answer:
    body = using(f"{place}/cachedContents/{id}")
    return await caller.developer("POST", "/v1beta/models/gemini-2.5-flash:generateContent", body)


DEVELOPER: dict[str, Try] = {
    "get": get_own, "patch": patch_own, "delete": delete_own, "use": use_own, "use by place": use_by_place,
}  # fmt: skip


REFUSED = ("400", "403", "404", "NOT_FOUND", "PERMISSION_DENIED")


@pytest.mark.parametrize("whose", ["theirs", "mine"])
async def test_the_cache_of_another_project_is_told_like_none(
    mine: Caller, theirs: Caller, cached: Cached, whose: str
) -> None:
    """By the name that it has, and by its id in a place of one's own."""
    place = f"projects/{whose}/locations/l"
    tried = [(name, one, cached.vertex) for name, one in VERTEX.items()]
    tried += [(name, one, id) for name, one in DEVELOPER.items() for id in (cached.developer, cached.vertex)]
    before = await seen(theirs, cached)

    for name, one, id in tried:
        refused, never = await one(mine, place, id), await one(mine, place, unknown(id))

        assert refused.status in REFUSED, (name, refused)
        assert refused.without(id) == never.without(unknown(id)), name

    assert await seen(theirs, cached) == before


async def seen(caller: Caller, cached: Cached) -> list[Answer]:
    """What its owner is told of the cache, and that it can be used."""
    used = await VERTEX["v1 use"](caller, caller.home, cached.vertex)
    own = await DEVELOPER["use"](caller, "", cached.developer)
    counts = [json.loads(answer.body)["usageMetadata"]["cachedContentTokenCount"] for answer in (used, own)]
    chatted = json.loads((await chat(caller, caller.home, cached.vertex)).body)
    assert min(*counts, chatted["usage"]["prompt_tokens_details"]["cached_tokens"]) > 10_000
    return [
        await VERTEX["v1 get"](caller, caller.home, cached.vertex),
        await DEVELOPER["get"](caller, "", cached.developer),
        await caller.rest("GET", f"/v1/{caller.home}/cachedContents"),
        await caller.developer("GET", "/v1beta/cachedContents"),
    ]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_lists_are_of_ones_own(mine: Caller, theirs: Caller, cached: Cached, version: str) -> None:
    own = await mine.rest("GET", f"/{version}/{mine.home}/cachedContents")
    other = await mine.rest("GET", f"/{version}/{theirs.home}/cachedContents")
    nobodys = await mine.rest("GET", f"/{version}/projects/nobody/locations/l/cachedContents")

    assert (own.status, json.loads(own.body)) == ("200", {})
    assert other.status == "403"
    assert other.without("theirs") == nobodys.without("nobody")


@pytest.mark.parametrize("version", [aiplatform_v1, aiplatform_v1beta1])
async def test_lists_over_grpc_too(mine: Caller, theirs: Caller, cached: Cached, version: Any) -> None:
    def listing(place: str) -> Any:
        return version.ListCachedContentsRequest(parent=place)

    own = await mine.grpc(version, "ListCachedContents", listing(mine.home))
    other = await mine.grpc(version, "ListCachedContents", listing(theirs.home))

    assert own == Answer("OK", b"")
    assert other.status == "PERMISSION_DENIED"


async def test_the_developer_api_lists_ones_own(mine: Caller, theirs: Caller, cached: Cached) -> None:
    listed = json.loads((await theirs.developer("GET", "/v1beta/cachedContents")).body)

    assert [one["name"] for one in listed["cachedContents"]] == [f"cachedContents/{cached.developer}"]
    assert json.loads((await mine.developer("GET", "/v1beta/cachedContents")).body) == {}


async def test_the_page_token_of_another_project_is_none(mine: Caller, theirs: Caller, cached: Cached) -> None:
    path = f"/v1/{theirs.home}/cachedContents"
    await theirs.rest("POST", path, {"model": f"{theirs.home}/{MODEL}", "contents": BOOK})
    token = json.loads((await theirs.rest("GET", f"{path}?pageSize=1")).body)["nextPageToken"]

    refused = await mine.rest("GET", f"/v1/{mine.home}/cachedContents?pageSize=1&pageToken={token}")
    never = await mine.rest("GET", f"/v1/{mine.home}/cachedContents?pageSize=1&pageToken=AAAA")

    assert refused == never
    assert refused.status == "400"


async def test_a_key_of_the_developer_api_reaches_nothing_of_vertex(
    mine: Caller, theirs: Caller, cached: Cached
) -> None:
    refused, never = [
        await mine.developer("GET", f"/v1/{theirs.home}/cachedContents/{id}")
        for id in (cached.vertex, unknown(cached.vertex))
    ]

    assert refused.status in ("401", "403")
    assert refused.without(cached.vertex) == never.without(unknown(cached.vertex))
