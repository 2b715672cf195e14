"""A proxy that does nothing: geminid's HTTP server and its HTTP client, with bytes handed from one to the other.

    python bench/floor.py UPSTREAM_PORT

What it costs is what no server made of these libraries can do without. Run by ``where.py``; it prints its port. It
speaks to ``chat_upstream.py``, which finds what it is to do wherever it stands in a request.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import aiohttp
import uvloop

from geminid.doors.listen import Listener

_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream")]


class Floor:
    """An ASGI application. What is called ``streamGenerateContent`` is asked for as a stream."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body", False)
        streamed = "stream" in scope["path"]
        async with self._session.post(self._url, data=body + b'{"stream": true}' * streamed) as response:
            headers = _EVENTS if streamed else [*_JSON, (b"content-length", b"%d" % response.content_length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            while piece := await response.content.readany():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def main(port: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        floor = Floor(f"http://127.0.0.1:{port}/v1/chat/completions", session)
        listener = Listener(floor, host="127.0.0.1", port=0)
        await listener.start()
        print(listener.port, flush=True)
        await stopped.wait()
        await listener.stop()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
