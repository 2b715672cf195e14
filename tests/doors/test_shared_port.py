"""Ports that several servers accept on: here two of them in one process, each with its own seat."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from geminid.call import Call, Stream
from geminid.doors.grpc import GrpcDoor
from geminid.doors.listen import Drain, Listener
from geminid.doors.shared_port import Board, SharedPort, bind
from geminid.doors.tunnel import GOAWAY, Frames
from geminid.wire import routes
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.proto import ProtoCodec

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
GET = b"GET / HTTP/1.1\r\nHost: geminid\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def seats() -> Iterator[list[SharedPort]]:
    """One port, as two processes see it."""
    sockets, board = bind("127.0.0.1", 0), Board.new(1)
    copies = [[bound.dup() for bound in sockets] for _ in range(2)]
    for bound in sockets:
        bound.close()
    for copy in copies:
        for bound in copy:
            bound.setblocking(False)
    yield [SharedPort(copy, board.share(0, seat)) for seat, copy in enumerate(copies)]
    for bound in itertools.chain(*copies):
        bound.close()


@pytest.fixture
async def listeners(seats: list[SharedPort]) -> AsyncIterator[list[Listener]]:
    both = [Listener(hello, host="127.0.0.1", port=0, drain_seconds=1, shared=seat) for seat in seats]
    for listener in both:
        await listener.start()
    yield both
    for listener in both:
        await listener.stop()


async def connect(port: int, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connections that were accepted, since each has been answered."""
    opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(count)))
    for reader, writer in opened:
        writer.write(GET)
        await reader.readuntil(b"hello")
    return opened


@pytest.mark.parametrize("count", [2, 4, 20])
async def test_connections_are_spread_evenly(listeners: list[Listener], count: int) -> None:
    opened = await connect(listeners[0].port, count)

    assert abs(listeners[0].connections - listeners[1].connections) <= 2
    assert min(listener.connections for listener in listeners) >= 1
    for _, writer in opened:
        writer.close()


async def test_who_stops_leaves_new_connections_to_the_other(listeners: list[Listener]) -> None:
    await listeners[0].stop()

    opened = await connect(listeners[1].port, 5)

    assert listeners[1].connections == 5
    for _, writer in opened:
        writer.close()


async def test_an_idle_connection_gets_one_more_answer_that_says_it_is_the_last(
    listeners: list[Listener], seats: list[SharedPort]
) -> None:
    ((reader, writer),) = await connect(listeners[0].port, 1)
    stopping = [asyncio.create_task(listener.stop(Drain(30, idle=30))) for listener in listeners]
    while any(bound.fileno() >= 0 for seat in seats for bound in seat.sockets):  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)

    writer.write(GET)

    assert b"connection: close" in (await reader.read()).lower()
    await asyncio.gather(*stopping)
    writer.close()


def test_a_seat_that_was_left_does_not_count() -> None:
    board = Board.new(2)
    one, other = board.share(0, 0), board.share(0, 1)
    one.tell(5)
    other.tell(2)
    assert one.excess == 3

    board.leave(1)

    assert one.excess == 0


def test_a_board_is_read_through_its_descriptor() -> None:
    board = Board.new(1)
    board.share(0, 0).tell(3)
    same = Board(os.dup(board.fileno()), 1)
    mine = same.share(0, 1)
    mine.tell(7)

    assert mine.excess == 4


def frame(length: int) -> bytes:
    return length.to_bytes(3) + bytes(6) + b"x" * length


@pytest.mark.parametrize("step", [1, 2, 8, 9, 10, 100])
def test_the_ends_of_frames_are_found_however_they_arrive(step: int) -> None:
    frames, ends, data = Frames(), set(), frame(0) + frame(5) + frame(0) + frame(20)

    for at in range(0, len(data), step):
        if end := frames.feed(data[at : at + step]):
            ends.add(at + end)

    assert ends <= {9, 23, 32, 61}
    assert 61 in ends
    assert frames.count == 4
    assert frames.between


def test_goaway_is_a_whole_frame() -> None:
    frames = Frames()

    assert frames.feed(GOAWAY) == len(GOAWAY)
    assert frames.count == 1


# gRPC, behind the port.


class Answering:
    """Answers at once, or once it is released."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.started = asyncio.Event()

    async def __call__(self, call: Call) -> Stream:
        self.started.set()
        await self.released.wait()
        yield GenerateContentResponse(model_version="m")


async def ask(channel: grpc.aio.Channel) -> None:
    request = ProtoCodec("v1").encode(GenerateContentRequest(model=MODEL))
    await channel.unary_unary("/google.cloud.aiplatform.v1.PredictionService/GenerateContent")(request)


async def test_a_call_ends_and_the_next_goes_to_the_other(seats: list[SharedPort], tmp_path: Path) -> None:
    handlers = [Answering(), Answering()]
    doors = [
        GrpcDoor(
            dict.fromkeys(routes.METHODS, handler), host="127.0.0.1", port=0, drain_seconds=5,
            shared=seat, behind=str(tmp_path / f"grpc{number}"),
        )
        for number, (handler, seat) in enumerate(zip(handlers, seats, strict=True))
    ]  # fmt: skip
    await doors[0].start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{doors[0].port}") as channel:
        calls = [asyncio.create_task(ask(channel))]
        await handlers[0].started.wait()
        await doors[1].start()
        closing = asyncio.create_task(doors[0].close(Drain(30, idle=30)))

        async with asyncio.timeout(10):
            while not handlers[1].started.is_set():  # once the client knows
                calls.append(asyncio.create_task(ask(channel)))
                await asyncio.sleep(0.02)
        for handler in handlers:
            handler.released.set()

        await asyncio.gather(*calls)
        await closing
    for door in doors:
        await door.stop()
