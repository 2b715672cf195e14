"""A simulated fleet: one process that is many model servers on GPUs, as far as clients can tell.

    python bench/fleet.py REPLICAS [--tokens-a-chunk N] [--unpaced]

Run by ``scale.py``; it prints the ports of the replicas. Each speaks as vLLM does and has the timing of a measured
engine, ``LLAMA_70B``. A request says what is wanted, ``talk=7 words=500``: how long the answer is, and which
conversation it belongs to; its own length is that of the prompt. The first word of an answer comes in a chunk of
its own, the others N to a chunk, as with vLLM's ``--stream-interval``. Each chunk begins with the time when it was
sent, ``@1234;``, the first one also with that when its request had come, ``#1234;``: nanoseconds of the monotonic
clock. ``GET /told`` tells what all replicas together have seen. With ``--unpaced`` they are servers as in
``chat_upstream.py``, as fast as they go.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import time
from dataclasses import dataclass, field
from functools import cache, partial

import uvloop

import chat_upstream
from chat_upstream import ChatServer, as_json, delta, ending
from scaling.engine import LLAMA_70B, Engine, Sequence

TALK = re.compile(rb"talk=(\d+) words=(\d+)")
BYTES_OF_A_TOKEN = 4

_MODELS = as_json(
    {"data": [{"id": chat_upstream.MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 131_072}]}
)


@dataclass(slots=True)
class Told:
    """What a fleet has seen. ``late`` are seconds by which steps came after their time: what the machine, not the
    model, is to blame for."""

    requests: int = 0
    later_turns: int = 0
    returned: int = 0
    """Later turns that came where the turn before them was."""
    running: int = 0
    most: int = 0
    late: list[float] = field(default_factory=list)

    def as_json(self) -> bytes:
        late = sorted(self.late) or [0.0]
        return as_json(
            {
                "requests": self.requests,
                "later_turns": self.later_turns,
                "returned": self.returned,
                "running": self.running,
                "most": self.most,
                "late_p50": late[len(late) // 2],
                "late_p99": late[int(len(late) * 0.99)],
            }
        )


class Replica:
    """One model server: an engine in real time."""

    def __init__(self, told: Told, places: dict[int, Replica], tokens_a_chunk: int) -> None:
        self.told, self.tokens_a_chunk = told, tokens_a_chunk
        self._engine = Engine(LLAMA_70B)
        self._places = places
        self._loop = asyncio.get_running_loop()
        self._due: float | None = None

    def add(self, sequence: Sequence) -> None:
        self._engine.waiting.append(sequence)
        if self._due is None:
            self._due = self._loop.time()
            self._next()

    def _next(self) -> None:
        assert self._due is not None
        self._due += self._engine.plan()
        self._loop.call_at(self._due, self._stepped)

    def _stepped(self) -> None:
        assert self._due is not None
        self.told.late.append(self._loop.time() - self._due)
        self._engine.finish()
        if self._engine.idle:
            self._due = None
        else:
            self._next()

    def hear(self, talk: int) -> None:
        """A turn of a conversation has come."""
        before = self._places.get(talk)
        self.told.requests += 1
        self.told.later_turns += before is not None
        self.told.returned += before is self
        self._places[talk] = self


class FleetServer(ChatServer):
    """A connection to a replica. A sequence whose client leaves gives its place back."""

    def __init__(self, replica: Replica) -> None:
        super().__init__()
        self._replica = replica
        self._sequence: Sequence | None = None
        self._with_usage = False
        self._came = 0

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sequence is not None:
            self._sequence.left = True
            self._end()

    def answer(self, request: bytes) -> None:
        head = request[: request.index(b"\r\n")]
        if b"/chat/completions" in head:
            self._begin(request)
        elif b"/tokenize" in head:
            count = len(request) // BYTES_OF_A_TOKEN
            self.transport.write(as_json({"count": count, "tokens": list(range(count))}))
        elif b"/models" in head:
            self.transport.write(_MODELS)
        elif b"/told" in head:
            self.transport.write(self._replica.told.as_json())
        else:
            self.transport.write(chat_upstream.about(request))

    def _begin(self, request: bytes) -> None:
        self._came = time.monotonic_ns()
        talk, words = TALK.findall(request)[-1]
        told = self._replica.told
        told.running += 1
        told.most = max(told.most, told.running)
        self._replica.hear(int(talk))
        self._with_usage = bool(chat_upstream.USAGE.search(request))
        self._sequence = Sequence(len(request) // BYTES_OF_A_TOKEN, int(words), self._written)
        self.transport.write(chat_upstream.FIRST)
        self._replica.add(self._sequence)

    def _written(self, sequence: Sequence) -> None:
        """A chunk where one is full, and the end."""
        beyond = (sequence.written - 1) % self._replica.tokens_a_chunk
        if sequence.written == 1:
            self.transport.write(_FIRST_WORD % (time.monotonic_ns(), self._came))
        elif not beyond:
            self._send(self._replica.tokens_a_chunk)
        if sequence.over:
            if beyond:
                self._send(beyond)
            self.transport.write(ending(sequence.words, self._with_usage))
            self._end()

    def _send(self, words: int) -> None:
        self.transport.write(_stamped(words) % time.monotonic_ns())

    def _end(self) -> None:
        self._sequence = None
        self._replica.told.running -= 1


def _framed(event: bytes) -> bytes:
    """A chunk of the transfer, to be filled with times."""
    return b"%x\r\n%b\r\n" % (len(event.replace(b"%020d", b"0" * 20)), event)


@cache
def _stamped(words: int) -> bytes:
    return _framed(delta("@%020d; " + "word " * (words - 1)))


_FIRST_WORD = _framed(delta("@%020d; #%020d; "))


async def serve(replicas: int, tokens_a_chunk: int, *, unpaced: bool) -> None:
    gc.disable()  # its pauses would be read as the engines'
    loop, told, places = asyncio.get_running_loop(), Told(), dict[int, Replica]()
    ports: list[int] = []
    for _ in range(replicas):
        connect = ChatServer if unpaced else partial(FleetServer, Replica(told, places, tokens_a_chunk))
        server = await loop.create_server(connect, "127.0.0.1", 0, backlog=4096)
        ports.append(server.sockets[0].getsockname()[1])
    print(*ports, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("replicas", type=int)
    parser.add_argument("--tokens-a-chunk", type=int, default=1)
    parser.add_argument("--unpaced", action="store_true")
    options = parser.parse_args()
    uvloop.run(serve(options.replicas, options.tokens_a_chunk, unpaced=options.unpaced))
