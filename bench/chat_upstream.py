"""A model server that costs next to nothing: the OpenAI chat API with answers that are ready beforehand.

    python bench/chat_upstream.py [PORT]

Run by ``peers.py`` behind every gateway; it prints the port that it listens on. The prompt says what is answered:
``words=200 pace=20`` are 200 words, in a stream 20 a second, each in a chunk and a packet of its own; with
``pace=0`` they come as fast as the socket takes them. Paced words are the time when they were sent, in
nanoseconds of the monotonic clock, as ``@1234;``; others are ``word``.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from functools import cache
from typing import cast

import uvloop

MODEL = "scripted"
ORDER = re.compile(rb"words=(\d+) pace=(\d+)")

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream": ?true')
USAGE = re.compile(rb'"include_usage": ?true')
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_END = b"0\r\n\r\n"
_ABOUT = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": MODEL}


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(chunk: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(_ABOUT | {"object": "chat.completion.chunk"} | chunk).encode() + b"\n\n"


def delta(content: str, finish: str | None = None, role: str | None = None) -> bytes:
    delta: dict[str, str] = {"role": role, "content": content} if role else {"content": content}
    return _event({"choices": [{"index": 0, "delta": {} if finish else delta, "finish_reason": finish}]})


def _usage(words: int) -> dict[str, int]:
    return {"prompt_tokens": 20, "completion_tokens": words, "total_tokens": 20 + words}


FIRST = STREAM_HEAD + framed(delta("", role="assistant"))
_WORD = framed(delta("word "))
_STAMPED = delta("@%020d; ")
_STAMP = b"%x\r\n" % len(_STAMPED.replace(b"%020d", b"0" * 20)) + _STAMPED + b"\r\n"


@cache
def ending(words: int, with_usage: bool) -> bytes:
    usage = framed(_event({"choices": [], "usage": _usage(words)})) if with_usage else b""
    return framed(delta("", "stop")) + usage + framed(b"data: [DONE]\n\n") + _END


def as_json(body: dict[str, object], status: bytes = b"200 OK") -> bytes:
    content = json.dumps(body).encode()
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(content)) + content


@cache
def _whole(words: int) -> bytes:
    message = {"role": "assistant", "content": "word " * words}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return as_json(_ABOUT | {"object": "chat.completion", "choices": [choice], "usage": _usage(words)})


_MODELS = as_json({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 1_000_000}]})
_HEALTHY = as_json({"status": "ok"})
_UNKNOWN = as_json({"error": {"message": "There is no such route.", "code": 404}}, b"404 Not Found")


def about(request: bytes) -> bytes:
    """The answer to a GET: what is served, or that it is well."""
    path = request.split(b" ", 2)[1].split(b"?")[0]
    return _MODELS if path.endswith(b"/models") else _HEALTHY if path.endswith(b"/health") else _UNKNOWN


class ChatServer(asyncio.Protocol):
    """One connection. Requests come one after another; a stream ends early where its client leaves."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._received = b""
        self._writable = asyncio.Event()
        self._writable.set()
        self._stream: asyncio.Task[None] | None = None
        self.transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._stream:
            self._stream.cancel()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        for request in self._requests(received):
            self.answer(request)

    def _requests(self, received: bytes) -> Iterator[bytes]:
        """Those that have arrived whole; keeps what is left."""
        while (end := received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(received, 0, end + 2)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(received) < whole:
                break
            yield received[:whole]
            received = received[whole:]
        self._received = received

    def answer(self, request: bytes) -> None:
        if not request.startswith(b"POST"):
            self.transport.write(about(request))
            return
        order = ORDER.search(request)
        words, pace = (int(order[1]), int(order[2])) if order else (1, 0)
        if not STREAM.search(request):
            self.transport.write(_whole(words))
            return
        last = ending(words, bool(USAGE.search(request)))
        self.transport.write(FIRST)
        self._stream = self.loop.create_task(self._paced(words, pace, last) if pace else self._fast(words, last))

    async def _fast(self, words: int, last: bytes) -> None:
        """A turn of the loop for each word: uvloop would send several of one turn together."""
        for _ in range(words):
            await asyncio.sleep(0)
            if not self._writable.is_set():
                await self._writable.wait()
            self.transport.write(_WORD)
        await asyncio.sleep(0)
        self.transport.write(last)

    async def _paced(self, words: int, pace: int, last: bytes) -> None:
        begun = self.loop.time()
        for number in range(1, words + 1):
            await asyncio.sleep(begun + number / pace - self.loop.time())
            self.transport.write(_STAMP % time.monotonic_ns())
        self.transport.write(last)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(ChatServer, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
