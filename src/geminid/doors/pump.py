"""From an ASGI request to a reply: what all HTTP doors do alike.

Reads the body within its limit, runs the call while it watches the connection, and ends every exchange with an
answer: what is no ``ApiError`` is logged here and answered INTERNAL. No dialect is known here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

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


async def exchange(
    receive: Receive, reply: Reply, request_bytes: int, begin: Callable[[bytes], Awaitable[Stream]]
) -> None:
    """Reads a request of at most ``request_bytes``, has ``begin`` make the call of it, and replies.

    The outermost place that a failure can reach.
    """
    try:
        body = await _read(receive, request_bytes)
        await _run(await begin(body), reply, receive)
    except ClientGone:
        return
    except ApiError as error:
        await reply.fail(error)
    except Exception:
        log.exception("a request failed")
        await reply.fail(Internal(INTERNAL))


async def decode(cls: type[_M], body: bytes, version: str) -> _M:
    """The message of a body in Google's JSON."""
    return await parsed(lambda whole: json.decode(cls, whole, version), body)


async def parsed(parse: Callable[[bytes], _T], body: bytes) -> _T:
    """What ``parse`` makes of a body; of a large one on a thread, so that others are served meanwhile."""
    if len(body) > _OFF_LOOP_BYTES:
        return await asyncio.to_thread(parse, body)
    return parse(body)


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone
        chunk = event.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise InvalidArgument(f"Request payload size exceeds the limit: {limit} bytes.")
        chunks.append(chunk)
        if not event.get("more_body", False):
            return b"".join(chunks)


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
