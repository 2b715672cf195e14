from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import Any

import pytest

from geminid.attachment import Kind
from geminid.call import Call, Principal
from geminid.engines.scripted import Scripted
from geminid.errors import ApiError, InvalidArgument, NotFound, PromptTooLong, Unimplemented
from geminid.gemini.caching import Minimum
from geminid.gemini.profiles import Catalogue
from geminid.gemini.turns import turns_of, turns_to_count
from geminid.media.understand import Understanding
from geminid.service.cached import CachedPrompts
from geminid.service.caching import GenAiCacheService
from geminid.service.prefixes import Prefixes
from geminid.service.registry import Registry
from geminid.storage.records import CachedContentRecord
from geminid.wire.caching import (
    CachedContent,
    CreateCachedContentRequest,
    DeleteCachedContentRequest,
    GetCachedContentRequest,
    ListCachedContentsRequest,
    UpdateCachedContentRequest,
)
from geminid.wire.content import Blob, Content, Part
from geminid.wire.files import Empty
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Duration, FieldMask, Message

HOME = "projects/p/locations/l"
MODEL = f"{HOME}/publishers/google/models/gemini-2.5-flash"
START = dt.datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=dt.UTC)
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP8z4AdMOEQH6QSAM1BAQ/oQeJvAAAAAElFTkSuQmCC"
)


class Memory:
    """Keeps records as long as it lives; newest first is last created first. ``read`` are those whose body was."""

    def __init__(self) -> None:
        self.records: list[CachedContentRecord] = []
        self.bodies: dict[str, bytes] = {}
        self.read: list[str] = []

    async def create(self, record: CachedContentRecord, body: bytes) -> None:
        self.records.insert(0, record)
        self.bodies[record.id] = body

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        alive = self._alive(project, location, now)
        return next((record for record in alive if record.id == id), None)

    async def body(self, record: CachedContentRecord) -> bytes | None:
        self.read.append(record.id)
        return self.bodies.get(record.id)

    async def list(
        self,
        project: str,
        location: str,
        now: dt.datetime,
        *,
        size: int,
        after: tuple[dt.datetime, str] | None = None,
    ) -> Sequence[CachedContentRecord]:
        alive = self._alive(project, location, now)
        places = [(record.created, record.id) for record in alive]
        start = places.index(after) + 1 if after else 0
        return alive[start : start + size]

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        found = await self.get(project, location, id, now)
        if found is None:
            return None
        changed = dataclasses.replace(found, expires=expires, updated=now)
        self.records[self.records.index(found)] = changed
        return changed

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        found = await self.get(project, location, id, now)
        if found is not None:
            self.records.remove(found)
            del self.bodies[id]
        return found

    async def sweep(self, now: dt.datetime) -> Sequence[CachedContentRecord]:
        over = [record for record in self.records if record.expires <= now]
        self.records = [record for record in self.records if record not in over]
        return over

    async def alive(self, ids: Collection[str], now: dt.datetime) -> set[str]:
        return {record.id for record in self.records if record.id in ids and record.expires > now}

    def _alive(self, project: str, location: str, now: dt.datetime) -> Sequence[CachedContentRecord]:
        return [
            record
            for record in self.records
            if (record.project, record.location) == (project, location) and record.expires > now
        ]


class Caches:
    """The services over one memory, and a clock that is set by hand."""

    def __init__(self, understanding: Understanding, **options: Any) -> None:
        self.now = START
        self.memory = Memory()
        registry = Registry(Catalogue(), Scripted(), {})
        self.service = GenAiCacheService(
            self.memory,
            registry,
            understanding,
            Prefixes(self.memory, registry),
            clock=lambda: self.now,
            **options,
        )
        self.prompts = CachedPrompts(self.memory, registry, clock=lambda: self.now)

    async def create(self, content: CachedContent, parent: str = HOME, owner: str = "") -> Any:
        request = CreateCachedContentRequest(parent=parent, cached_content=content)
        return await only(self.service.create_cached_content(call(request, parent, owner)))

    async def get(self, name: str, owner: str = "") -> Any:
        return await only(self.service.get_cached_content(call(GetCachedContentRequest(name=name), name, owner)))

    async def list(self, parent: str = HOME, owner: str = "", **paging: Any) -> Any:
        request = ListCachedContentsRequest(parent=parent, **paging)
        return await only(self.service.list_cached_contents(call(request, parent, owner)))

    async def update(self, content: CachedContent, mask: FieldMask | None = None) -> Any:
        request = UpdateCachedContentRequest(cached_content=content, update_mask=mask)
        return await only(self.service.update_cached_content(call(request, content.name)))

    async def delete(self, name: str) -> Any:
        request = DeleteCachedContentRequest(name=name)
        return await only(self.service.delete_cached_content(call(request, name)))

    async def use(
        self,
        name: str,
        model: str = MODEL,
        owner: str = "",
        contents: Sequence[Content] | None = None,
        door: str = "rest",
    ) -> Any:
        own = contents or [Content(role="user", parts=[Part(text="Who?")])]
        request = GenerateContentRequest(model=model, cached_content=name, contents=list(own))
        return await self.prompts.prefixed(call(request, model, owner, door), request)


@pytest.fixture
def caches(understanding: Understanding) -> Caches:
    return Caches(understanding)


def call(request: Message, resource: str, owner: str = "", door: str = "rest") -> Call:
    principal = Principal("someone", owner or None)
    return Call("a.Service.Method", request, START, door, resource=resource, principal=principal)


async def only(stream: AsyncIterator[Message]) -> Message:
    (message,) = [message async for message in stream]
    return message


def book(**fields: Any) -> CachedContent:
    contents = [Content(role="user", parts=[Part(text="A very long book.")])]
    return CachedContent(**{"model": MODEL, "contents": contents} | fields)


async def refusal(answer: Any) -> ApiError:
    with pytest.raises(ApiError) as error:
        await answer
    return error.value


async def test_what_is_told_of_a_new_cache(caches: Caches) -> None:
    created = await caches.create(book(display_name="Book", system_instruction=Content(parts=[Part(text="Hi")])))

    place, _, cache_id = created.name.rpartition("/")
    assert (place, len(cache_id)) == (f"{HOME}/cachedContents", 19)
    assert (created.model, created.display_name) == (MODEL, "Book")
    assert created.create_time == created.update_time
    assert created.create_time.json() == "2026-01-02T03:04:05.600Z"
    assert created.expire_time.json() == "2026-01-02T04:04:05.600Z"
    assert (created.usage_metadata.total_token_count, created.usage_metadata.text_count) == (6, 19)
    assert not (created.contents)
    assert not (created.system_instruction)
    assert not created.ttl


async def test_a_cache_is_got_as_it_was_created(caches: Caches) -> None:
    created = await caches.create(book())

    assert await caches.get(created.name) == created


async def test_the_developer_api_has_names_without_a_place(caches: Caches) -> None:
    created = await caches.create(book(model="models/gemini-2.5-flash"), parent="", owner="mine")

    assert created.name.startswith("cachedContents/")
    assert await caches.get(created.name, owner="mine") == created
    assert isinstance(await refusal(caches.get(created.name, owner="theirs")), NotFound)


async def test_pictures_count_by_googles_rule(caches: Caches) -> None:
    parts = [Part(inline_data=Blob(mime_type="image/png", data=PICTURE)), Part(text="What is it?")]
    created = await caches.create(book(contents=[Content(role="user", parts=parts)]))

    used = await caches.use(created.name)

    assert (created.usage_metadata.image_count, created.usage_metadata.text_count) == (1, 11)
    assert used.tokens == {Kind.IMAGE: 258, Kind.TEXT: created.usage_metadata.total_token_count - 258}


@pytest.mark.parametrize(
    ("options", "content", "message"),
    [
        ({"minimum": Minimum(100)}, book(), "The minimum token count to start caching is 100."),
        ({}, book(model=""), "it has no model"),
        ({}, book(ttl=Duration(0)), "not positive"),
        ({}, book(model=f"{MODEL}-x"), "was not found"),
    ],
)
async def test_what_cannot_be_cached(
    understanding: Understanding, options: dict[str, Any], content: CachedContent, message: str
) -> None:
    caches = Caches(understanding, **options)

    error = await refusal(caches.create(content))

    assert message in error.message
    assert not caches.memory.records


async def test_what_does_not_fit_the_model_is_not_cached(caches: Caches) -> None:
    huge = book(
        model=f"{HOME}/publishers/google/models/gemini-1.0-pro-002",
        contents=[Content(role="user", parts=[Part(text="word " * 40_000)])],
    )

    assert isinstance(await refusal(caches.create(huge)), InvalidArgument | PromptTooLong)


async def test_nothing_is_estimated_without_a_tokenizer(understanding: Understanding) -> None:
    class WithoutTokenizer(Scripted):
        async def count_tokens(self, texts: Sequence[str]) -> list[int]:
            raise Unimplemented("no tokenizer")

    registry = Registry(Catalogue(), WithoutTokenizer(), {})
    memory = Memory()
    service = GenAiCacheService(memory, registry, understanding, Prefixes(memory, registry))
    request = CreateCachedContentRequest(parent=HOME, cached_content=book())

    with pytest.raises(Unimplemented):
        await only(service.create_cached_content(call(request, HOME)))


async def test_what_is_only_told_is_told_without_the_contents(caches: Caches) -> None:
    created = await caches.create(book(display_name="Book"))

    await caches.get(created.name)
    await caches.list()
    await caches.update(CachedContent(name=created.name, model=MODEL, display_name="Book", ttl=Duration(60)))
    await caches.delete(created.name)

    assert caches.memory.read == []


# Expiration.


async def test_a_cache_is_there_until_the_moment_it_expires(caches: Caches) -> None:
    created = await caches.create(book(ttl=Duration(1, 500_000_000)))

    caches.now = START + dt.timedelta(seconds=1.499999)
    assert await caches.get(created.name) == created
    caches.now = START + dt.timedelta(seconds=1.5)
    error = await refusal(caches.get(created.name))

    cache_id = created.name.rpartition("/")[2]
    assert error.message == f"Not found: cached content metadata for {cache_id}."
    assert not (await caches.list()).cached_contents


async def test_an_expired_cache_cannot_be_used(caches: Caches) -> None:
    created = await caches.create(book())
    caches.now += dt.timedelta(hours=1)

    error = await refusal(caches.use(created.name))

    assert error.message == f"Cache content {created.name.rpartition('/')[2]} is expired."


@pytest.mark.parametrize("mask", [None, FieldMask(["ttl"])])
async def test_an_update_prolongs(caches: Caches, mask: FieldMask | None) -> None:
    created = await caches.create(book())
    caches.now += dt.timedelta(minutes=30)

    updated = await caches.update(CachedContent(name=created.name, ttl=Duration(3600)), mask)

    assert updated.expire_time.json() == "2026-01-02T04:34:05.600Z"
    assert updated.update_time.json() == "2026-01-02T03:34:05.600Z"
    assert updated.create_time == created.create_time
    assert await caches.get(created.name) == updated


async def test_an_update_changes_nothing_else(caches: Caches) -> None:
    created = await caches.create(book())

    error = await refusal(caches.update(CachedContent(name=created.name, display_name="x", ttl=Duration(60))))

    assert isinstance(error, InvalidArgument)
    assert await caches.get(created.name) == created


async def test_an_update_may_say_again_what_is_kept(caches: Caches) -> None:
    files = [Part(inline_data=Blob(mime_type="image/png", data=PICTURE)), Part(text="What is it?")]
    other = [Part(inline_data=Blob(mime_type="image/png", data=PICTURE + b"!")), Part(text="What is it?")]
    created = await caches.create(book(contents=[Content(role="user", parts=files)]))

    def again(parts: list[Part]) -> CachedContent:
        return book(name=created.name, contents=[Content(role="user", parts=parts)], ttl=Duration(60))

    assert (await caches.update(again(files))).name == created.name
    assert isinstance(await refusal(caches.update(again(other))), InvalidArgument)


async def test_a_deleted_cache_is_gone(caches: Caches) -> None:
    created = await caches.create(book())

    assert await caches.delete(created.name) == Empty()
    assert isinstance(await refusal(caches.get(created.name)), NotFound)


# Lists.


async def test_a_list_goes_on_page_by_page_newest_first(caches: Caches) -> None:
    names = [(await caches.create(book())).name for _ in range(5)]

    told, token = [], ""
    while True:
        page = await caches.list(page_size=2, page_token=token)
        told.append([content.name for content in page.cached_contents])
        token = page.next_page_token
        if not token:
            break

    newest = names[::-1]
    assert told == [newest[:2], newest[2:4], newest[4:]]


async def test_the_last_page_is_known_when_it_is_full(caches: Caches) -> None:
    await caches.create(book())

    assert not (await caches.list(page_size=1)).next_page_token


async def test_a_list_goes_on_after_a_cache_that_was_deleted(caches: Caches) -> None:
    names = []
    for _ in range(3):
        names.append((await caches.create(book())).name)
        caches.now += dt.timedelta(microseconds=1)
    page = await caches.list(page_size=2)

    assert [content.name for content in page.cached_contents] == names[:0:-1]
    assert [content.name for content in (await caches.list(page_token=page.next_page_token)).cached_contents] == [
        names[0]
    ]


MADE_UP = [f"x/{HOME}/cachedContents/1", f"9{'9' * 30}/{HOME}/cachedContents/1", f"1/{HOME}/cachedContents/", "1"]


def made_up(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


async def test_tokens_are_of_one_place(caches: Caches) -> None:
    await caches.create(book())
    await caches.create(book())
    token = (await caches.list(page_size=1)).next_page_token

    errors = [
        await refusal(caches.list(parent="projects/other/locations/l", page_token=token)),
        await refusal(caches.list(page_token="garbage")),
        *[await refusal(caches.list(page_token=made_up(text))) for text in MADE_UP],
        await refusal(caches.list(page_size=-1)),
    ]

    assert all(isinstance(error, InvalidArgument) for error in errors)


# Isolation.

DOINGS: dict[str, Callable[[Caches, str], Any]] = {
    "get": lambda caches, name: caches.get(name),
    "update": lambda caches, name: caches.update(CachedContent(name=name, ttl=Duration(60))),
    "delete": lambda caches, name: caches.delete(name),
    "use": lambda caches, name: caches.use(name),
}


@pytest.mark.parametrize("doing", DOINGS)
async def test_the_cache_of_another_is_told_like_none(caches: Caches, doing: str) -> None:
    cache_id = (await caches.create(book(), parent="projects/q/locations/l")).name.rpartition("/")[2]
    theirs = f"projects/q/locations/l/cachedContents/{cache_id}"
    mine = f"{HOME}/cachedContents/{cache_id}"
    do = DOINGS[doing]

    asked = theirs if doing == "use" else mine
    error = await refusal(do(caches, asked))
    await caches.delete(theirs)
    unknown = await refusal(do(caches, asked))

    assert (type(error), error.message) == (type(unknown), unknown.message)
    assert isinstance(error, NotFound)


async def test_a_list_is_of_one_place(caches: Caches) -> None:
    await caches.create(book(), parent="projects/q/locations/l")
    await caches.create(book(), parent="projects/p/locations/m")

    assert not (await caches.list()).cached_contents


@pytest.mark.parametrize("name", ["123", "projects/p/cachedContents/1"])
async def test_names_are_names(caches: Caches, name: str) -> None:
    error = await refusal(caches.use(name))

    assert (type(error), error.message) == (InvalidArgument, f"Invalid CachedContent name: {name}.")


# Use.


async def test_what_is_cached_stands_before_the_question(caches: Caches) -> None:
    created = await caches.create(book(system_instruction=Content(parts=[Part(text="Be brief.")])))

    used = await caches.use(created.name)

    assert [content.parts[0].text for content in used.request.contents] == ["A very long book.", "Who?"]
    assert used.request.system_instruction.parts[0].text == "Be brief."
    assert not used.request.cached_content
    assert used.tokens == {Kind.TEXT: created.usage_metadata.total_token_count}


async def test_a_large_cache_is_used_whole(caches: Caches) -> None:
    text = "Größe <b> 🗻 " * 30_000
    created = await caches.create(book(contents=[Content(role="user", parts=[Part(text=text)])]))

    used = await caches.use(created.name)

    assert used.request.contents[0].parts[0].text == text


def says(role: str, *texts: str) -> Content:
    return Content(role=role, parts=[Part(text=text) for text in texts])


@pytest.mark.parametrize(
    ("cached", "own", "turns", "pieces"),
    [
        ([says("user", "a book", "a page")], [says("user", "?")], 0, 2),
        ([says("", "a book")], [says("", "?")], 0, 1),
        ([says("user", "a"), says("user", "b", "c")], [says("user", "d"), says("user", "?")], 0, 3),
        ([says("user", "a"), says("model", "b")], [says("user", "?")], 2, 0),
        ([says("user", "a"), says("model", "b"), says("USER", "c")], [says("user", "?")], 2, 1),
        ([says("user", "a"), says("model", "b")], [says("model", "c"), says("user", "?")], 1, 0),
        ([says("user", "a")], [says("model", "c"), says("user", "?")], 1, 0),
        ([], [says("user", "?")], 0, 0),
    ],
)
async def test_how_much_of_the_prompt_is_the_caches(
    caches: Caches, cached: list[Content], own: list[Content], turns: int, pieces: int
) -> None:
    instruction = Content(parts=[Part(text="Be brief.")])
    created = await caches.create(book(contents=cached, system_instruction=instruction))

    used = await caches.use(created.name, contents=own)

    assert (used.id, used.turns, used.pieces) == (created.name.rpartition("/")[2], turns, pieces)
    model = Catalogue().find("gemini-2.5-flash")
    assert model
    prompt, head = turns_of(used.request.contents, model.profile), turns_to_count(cached)
    assert prompt[:turns] == head[:turns]
    assert prompt[turns].pieces[:pieces] == head[-1].pieces[:pieces] if pieces else len(head) - turns <= 1


async def test_a_cache_that_is_used_again_is_read_once(caches: Caches) -> None:
    created = await caches.create(book())

    first, second = await caches.use(created.name), await caches.use(created.name)

    assert first == second
    assert len(caches.memory.read) == 1


async def test_a_cache_that_was_read_is_over_all_the_same(caches: Caches) -> None:
    created = await caches.create(book())
    await caches.use(created.name)

    await caches.delete(created.name)

    assert isinstance(await refusal(caches.use(created.name)), NotFound)


async def test_a_cache_that_is_deleted_while_it_is_found_is_not_there(caches: Caches) -> None:
    created = await caches.create(book())
    caches.memory.bodies.clear()

    assert isinstance(await refusal(caches.use(created.name)), NotFound)


async def test_nothing_is_read_of_what_cannot_be_used(caches: Caches) -> None:
    created = await caches.create(book(), parent="projects/q/locations/l")
    other_model = f"{HOME}/publishers/google/models/gemini-2.5-pro"
    own = await caches.create(book())

    await refusal(caches.use(created.name))
    await refusal(caches.use(own.name, model=other_model))
    caches.now += dt.timedelta(hours=1)
    await refusal(caches.use(own.name))

    assert caches.memory.read == []


async def test_a_cache_is_for_its_model(caches: Caches) -> None:
    created = await caches.create(book())

    error = await refusal(caches.use(created.name, model=f"{HOME}/publishers/google/models/gemini-2.5-pro"))

    assert error.message == "Cached content model does not match the model in the request."


async def test_the_developer_api_knows_no_names_of_vertex_ai(caches: Caches) -> None:
    created = await caches.create(book())

    error = await refusal(caches.use(created.name, model="models/gemini-2.5-flash", door="developer"))

    assert (type(error), error.message) == (InvalidArgument, f"Invalid CachedContent name: {created.name}.")


@pytest.mark.parametrize(
    ("owner", "found"), [("p", True), ("", True), ("q", False)], ids=["own", "nobody is told apart", "other"]
)
async def test_a_path_without_a_project_is_of_the_caller(caches: Caches, owner: str, found: bool) -> None:
    created = await caches.create(book())
    model = "publishers/google/models/gemini-2.5-flash"

    using = caches.use(created.name, model=model, owner=owner)

    if found:
        assert (await using).request.contents
    else:
        assert isinstance(await refusal(using), NotFound)
