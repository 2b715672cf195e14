"""From an ASGI request to a reply: what all HTTP doors do alike.

Reads the body within its limit, runs the call while it watches the connection, and ends every exchange with an
answer: what is no ``ApiError`` is logged here and answered INTERNAL. No dialect is known here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Protocol, TypeVar

from starlette.types import Receive

from geminid.call import Stream
from geminid.doors.replies import Reply
from geminid.errors import INTERNAL, UNAVAILABLE, ApiError, Internal, InvalidArgument, Unavailable
from geminid.wire import json
from geminid.wire.message import Message

log = logging.getLogger("geminid.doors")

_M = TypeVar("_M", bound=Message)
_T = TypeVar("_T")

_OFF_LOOP_BYTES = 256 * 1024


class ClientGone(Exception):
    """The client went away before its request was complete."""


class Failing(Protocol):
    async def fail(self, error: ApiError) -> None:
        """Answers with an error."""


async def exchange(
    receive: Receive, reply: Reply, request_bytes: int, begin: Callable[[bytes], Awaitable[Stream]]
) -> None:
    """Reads a request of at most ``request_bytes``, has ``begin`` make the call of it, and replies."""

    async def answer() -> None:
        body = await read(receive, request_bytes)
        await _run(await begin(body), reply, receive)

    await ended(reply, answer())


async def ended(reply: Failing, answer: Awaitable[None]) -> None:
    """Awaits an exchange, and has ``reply`` tell the client how it failed. No failure gets further than here."""
    try:
        await answer
    except ClientGone:
        return
    except ApiError as error:
        await reply.fail(error)
    except Exception:
        log.exception("a request failed")
        await reply.fail(Internal(INTERNAL))


async def decode(cls: type[_M], body: bytes, version: str, path: str = "") -> _M:
    """The message of a body in Google's JSON. ``path`` is the field of the request that it is."""
    return await parsed(lambda whole: json.decode(cls, whole, version, path), body)


async def parsed(parse: Callable[[bytes], _T], body: bytes) -> _T:
    """What ``parse`` makes of a body; of a large one on a thread, so that others are served meanwhile."""
    if len(body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(parse, body)
    return parse(body)


async def read(receive: Receive, limit: int) -> bytes:
    """A whole body."""
    pieces: list[bytes] = []
    size = 0
    async for piece in chunks(receive):
        size += len(piece)
        if size > limit:
            raise InvalidArgument(f"Request payload size exceeds the limit: {limit} bytes.")
        pieces.append(piece)
    return b"".join(pieces)


async def chunks(receive: Receive) -> AsyncIterator[bytes]:
    """A body as it arrives; the client is held up while nobody asks for more. Raises ClientGone."""
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        yield event.get("body", b"")
        more = event.get("more_body", False)


async def _run(stream: Stream, reply: Reply, receive: Receive) -> None:
    """Replies with the stream; a client that goes away stops it, and with it the engine."""
    task = asyncio.current_task()
    assert task is not None
    watcher = asyncio.create_task(_cancel_on_disconnect(task, receive))
    try:
        async with aclosing(stream):
            async for message in stream:
                await reply.chunk(message)
        await reply.finish()
    except asyncio.CancelledError:
        if not watcher.done():  # the server stops and its drain is over
            await reply.fail(Unavailable(UNAVAILABLE))
            raise
        task.uncancel()
        raise ClientGone from None
    finally:
        watcher.cancel()


async def _cancel_on_disconnect(task: asyncio.Task[None], receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    task.cancel()
