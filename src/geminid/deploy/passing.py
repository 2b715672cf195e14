"""Passes HTTP on to a llama.cpp child and its answer back, byte for byte. An ASGI application, run by Ray Serve.

Some routes of llama-server alone, and its chat for as many at a time as it has slots: who has to wait waits here,
where that is cheap and ends when the client leaves. A request whose answer has not begun when the child ends is
asked again of the next one.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import aiohttp

from geminid.deploy.kept_child import Child, ChildFailed, KeptChild

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

CHAT: Final = "/v1/chat/completions"
_ROUTES: Final = {
    CHAT: "POST",
    "/tokenize": "POST",
    "/v1/models": "GET",
    "/props": "GET",
    "/health": "GET",
}
_OPEN: Final = frozenset({"/health"})
"""Asked by load balancers, which have no key."""

_BODY_BYTES: Final = 64 * 1024 * 1024
"""The server that asks has its own limit, of 20 MiB by default; in base64 that is 27."""


class Refused(Exception):
    """A request that does not reach the child."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after = status, message, retry_after


class Passing:
    """``key`` is what clients must present as a bearer token, empty for none; so many chats may be ``waiting``."""

    def __init__(self, kept: KeptChild, slots: int, *, key: str = "", waiting: int = 256) -> None:
        self._kept, self._key = kept, key.encode()
        self._slots = asyncio.Semaphore(slots)
        self._room = slots + waiting
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            self._admit(scope)
            body = await _body(receive)
            way = self._chat if scope["path"] == CHAT else self._pass
            await _while_there(way(scope, body, send), receive)
        except Refused as refused:
            await _refuse(send, refused)

    def _admit(self, scope: Mapping[str, Any]) -> None:
        path = scope["path"]
        if _ROUTES.get(path) != scope["method"]:
            raise Refused(404, "There is nothing at this path.")
        presented = dict(scope["headers"]).get(b"authorization", b"")
        if self._key and path not in _OPEN and not hmac.compare_digest(presented, b"Bearer " + self._key):
            raise Refused(401, "The API key is missing or not valid.")

    async def _chat(self, scope: Mapping[str, Any], body: bytes, send: Send) -> None:
        if not self._room:
            raise Refused(429, "All slots are taken, and enough requests wait.", retry_after=1)
        self._room -= 1
        try:
            async with self._slots:
                await self._pass(scope, body, send)
        finally:
            self._room += 1

    async def _pass(self, scope: Mapping[str, Any], body: bytes, send: Send) -> None:
        child = await self._child()
        try:
            answer = await self._asked(child, scope, body)
        except aiohttp.ClientError:
            child = await self._successor(child)
            try:
                answer = await self._asked(child, scope, body)
            except aiohttp.ClientError as error:
                raise Refused(502, "The model server ended before it answered.") from error
        try:
            await answer.send(child, send)
        finally:
            child.end()
            answer.response.close()

    async def _child(self) -> Child:
        try:
            return await self._kept.ready()
        except ChildFailed as error:
            raise Refused(503, f"There is no model server: {error}.") from error

    async def _successor(self, child: Child) -> Child:
        try:
            successor = await self._kept.successor(child)
        except ChildFailed as error:
            raise Refused(503, f"There is no model server: {error}.") from error
        if successor is None:
            raise Refused(502, "The model server broke the connection.")
        return successor

    async def _asked(self, child: Child, scope: Mapping[str, Any], body: bytes) -> _Answer:
        """Counts the request in at ``child``, unless it raises aiohttp.ClientError."""
        headers = {"Authorization": f"Bearer {child.key}", "Content-Type": "application/json"}
        child.begin()
        response = None
        try:
            response = await self._open_session().request(
                scope["method"], child.url + scope["path"], data=body or None, headers=headers
            )
            first = await response.content.readany()
        except BaseException:
            child.end()
            if response is not None:
                response.close()
            raise
        child.moved()
        return _Answer(response, first)

    def _open_session(self) -> aiohttp.ClientSession:
        """Made on first use, because that needs a running loop. llama-server hangs up after each stream."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
            )
        return self._session


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that has begun: ``first`` are its first bytes."""

    response: aiohttp.ClientResponse
    first: bytes

    async def send(self, child: Child, send: Send) -> None:
        """An answer that breaks off raises aiohttp.ClientError: the server then breaks the connection too."""
        content_type = self.response.headers.get("Content-Type", "application/json").encode()
        await send(
            {
                "type": "http.response.start",
                "status": self.response.status,
                "headers": [(b"content-type", content_type)],
            }
        )
        received = self.first
        while received:
            child.moved()
            await send({"type": "http.response.body", "body": received, "more_body": True})
            received = await self.response.content.readany()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _while_there(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Does the work, or as much of it as is done when the client leaves. Not every server cancels it by itself."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(receive))
    tasks = (working, leaving)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if not working.cancelled():
        working.result()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise asyncio.CancelledError
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > _BODY_BYTES:
            raise Refused(413, "The request is too large.")
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _refuse(send: Send, refused: Refused) -> None:
    """In OpenAI's form."""
    headers = [(b"content-type", b"application/json")]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(refused.retry_after).encode()))
    body = json.dumps({"error": {"message": refused.message, "code": refused.status}}).encode()
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
