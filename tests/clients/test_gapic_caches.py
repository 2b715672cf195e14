"""GenAiCacheServiceClient, the generated client that other libraries build on: its versions and transports."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio
import pytest
from google.api_core.exceptions import NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1, aiplatform_v1beta1

HOUR = dt.timedelta(hours=1)


class Server(Protocol):
    url: str
    grpc: str


@dataclass(frozen=True, slots=True)
class Clients:
    """Of one version, over one transport; whatever they give back is awaited where it can be."""

    version: Any
    caches: Any
    prediction: Any
    home: str

    @property
    def model(self) -> str:
        return f"{self.home}/publishers/google/models/gemini-2.5-flash"

    async def call(self, name: str, /, *arguments: Any, **named: Any) -> Any:
        owner = self.caches if hasattr(self.caches, name) else self.prediction
        answer = getattr(owner, name)(*arguments, **named)
        return await answer if inspect.isawaitable(answer) else answer

    async def create(self, **fields: Any) -> Any:
        said = [{"role": "user", "parts": [{"text": "A book."}]}]
        content = self.version.CachedContent({"model": self.model, "contents": said} | fields)
        return await self.call("create_cached_content", parent=self.home, cached_content=content)

    def question(self, cached: Any) -> Any:
        contents = [{"role": "user", "parts": [{"text": "Why?"}]}]
        fields = {"model": self.model, "contents": contents, "cached_content": cached.name}
        return self.version.GenerateContentRequest(fields)


@pytest.fixture(params=[aiplatform_v1, aiplatform_v1beta1], ids=["v1", "v1beta1"])
def version(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=["grpc", "grpc_asyncio", "rest"])
async def clients(
    request: pytest.FixtureRequest, version: Any, scripted: Server, caches_variables: dict[str, str]
) -> AsyncIterator[Clients]:
    kind, home = request.param, f"projects/{caches_variables['PROJECT']}/locations/us-central1"
    if kind == "rest":
        options: Any = {"host": scripted.url.removeprefix("http://"), "url_scheme": "http"}
        options["credentials"] = AnonymousCredentials()  # type: ignore[no-untyped-call]
    elif kind == "grpc":
        options = {"channel": grpc.insecure_channel(scripted.grpc)}
    else:
        options = {"channel": grpc.aio.insecure_channel(scripted.grpc)}
    made = []
    for service in ("GenAiCacheService", "PredictionService"):
        client = getattr(version, f"{service}{'AsyncClient' if kind == 'grpc_asyncio' else 'Client'}")
        made.append(client(transport=client.get_transport_class(kind)(**options)))
    yield Clients(version, *made, home)
    for client in made:
        closed = client.transport.close()
        if inspect.isawaitable(closed):
            await closed


async def test_a_cache_from_its_making_to_its_end(clients: Clients) -> None:
    made = await clients.create(system_instruction={"parts": [{"text": "Be brief."}]}, ttl=HOUR, display_name="b")
    answer = await clients.call("generate_content", clients.question(made))
    stream = await clients.call("stream_generate_content", request=clients.question(made))
    chunks = [chunk async for chunk in stream] if hasattr(stream, "__aiter__") else list(stream)

    usage = answer.usage_metadata
    assert made.usage_metadata.total_token_count == usage.cached_content_token_count == 6
    assert (usage.prompt_token_count, usage.total_token_count) == (8, 14)
    assert [(one.modality.name, one.token_count) for one in usage.cache_tokens_details] == [("TEXT", 6)]
    assert chunks[-1].usage_metadata.cached_content_token_count == 6
    assert "".join(chunk.candidates[0].content.parts[0].text for chunk in chunks) == "This is a scripted answer."
    assert not made.contents
    assert made.expire_time - made.create_time == HOUR

    await clients.call("delete_cached_content", name=made.name)

    with pytest.raises(NotFound, match="Not found: cached content metadata for"):
        await clients.call("get_cached_content", name=made.name)
    with pytest.raises(NotFound, match="Not found: cached content metadata for"):
        await clients.call("generate_content", clients.question(made))
    with pytest.raises(NotFound, match=r"Cached content \d+ is not found"):
        await clients.call("delete_cached_content", name=made.name)


async def test_a_list_goes_on_by_itself_from_page_to_page(clients: Clients) -> None:
    made = [(await clients.create()).name for _ in range(5)]

    pager = await clients.call("list_cached_contents", {"parent": clients.home, "page_size": 2})
    if hasattr(pager, "__aiter__"):
        pages = [[each.name for each in page.cached_contents] async for page in pager.pages]
    else:
        pages = [[each.name for each in page.cached_contents] for page in pager.pages]

    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]


@pytest.mark.parametrize("path", ["ttl", "expire_time"])
async def test_only_the_expiration_changes(clients: Clients, path: str) -> None:
    made = await clients.create(display_name="book")
    value = {"ttl": 2 * HOUR, "expire_time": made.create_time + 2 * HOUR}[path]
    changed = clients.version.CachedContent({"name": made.name, path: value})

    told = await clients.call("update_cached_content", cached_content=changed, update_mask={"paths": [path]})
    found = await clients.call("get_cached_content", name=made.name)

    assert told == found
    assert (found.model, found.display_name, found.create_time) == (made.model, "book", made.create_time)
    start = found.update_time if path == "ttl" else made.create_time
    assert found.expire_time - start == 2 * HOUR
    assert found.update_time > made.update_time
