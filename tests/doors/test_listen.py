"""How the HTTP port opens and how it drains."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import pytest

from geminid.doors.limits import Limits
from geminid.doors.listen import Listener, ListenError

GET = b"GET / HTTP/1.1\r\nHost: geminid\r\n\r\n"


class Slow:
    """Answers ``done`` once released; on ``/stream`` the first chunk comes before that."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.ended = threading.Event()
        self._release = asyncio.Event()

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._release.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            await self._answer(scope["path"], send)
        finally:
            await asyncio.sleep(0.05)
            self.ended.set()

    async def _answer(self, path: str, send: Any) -> None:
        head = {"type": "http.response.start", "status": 200, "headers": []}
        if path == "/stream":
            await send(head)
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
        self.started.set()
        if path != "/quick":
            await self._release.wait()
        if path != "/stream":
            await send(head)
        await send({"type": "http.response.body", "body": b"done"})


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def happens(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 30)


def request(path: bytes) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\nHost: geminid\r\n\r\n"


# Opening.


async def test_port_0_takes_a_free_one(serve_http: Any, connect_raw: Any) -> None:
    server = serve_http(hello)
    assert server.port > 0
    await (client := await connect_raw(server)).send(GET)
    response = await client.response()
    assert response.body == b"hello"
    assert response.headers == {"content-length": "5"}


async def test_it_serves_in_the_running_loop_and_leaves_signals_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    loops = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        loops.append(asyncio.get_running_loop())
        await hello(scope, receive, send)

    listener = Listener(app, host="127.0.0.1", port=0)
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(GET)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert listener.connections == 1
    await listener.stop()
    writer.close()
    assert loops == [asyncio.get_running_loop()]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_port_in_use_is_explained(serve_http: Any) -> None:
    port = serve_http(hello).port
    with pytest.raises(ListenError) as caught:
        await Listener(hello, host="127.0.0.1", port=port).start()
    assert str(caught.value) == (
        f"Port {port} of 127.0.0.1 is in use by another program. Stop it, or choose another with --port."
    )


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
async def test_a_wrong_host_is_explained(host: str) -> None:
    with pytest.raises(ListenError, match="--host"):
        await Listener(hello, host=host, port=0).start()


# Draining.


async def test_stop_refuses_newcomers_and_closes_idle_connections(serve_http: Any, connect_raw: Any) -> None:
    server = serve_http(hello, drain_seconds=15)
    idle = await connect_raw(server)
    await idle.send(GET)
    await idle.response()
    began = time.perf_counter()
    await server.stop()
    assert time.perf_counter() - began < 10
    assert await idle.rest() == b""
    assert server.connections == 0
    with pytest.raises(ConnectionRefusedError):
        await connect_raw(server)


async def test_running_responses_finish(serve_http: Any, connect_raw: Any) -> None:
    app = Slow()
    server = serve_http(app, drain_seconds=30)
    unary, stream = await connect_raw(server), await connect_raw(server)
    await unary.send(GET)
    await stream.send(request(b"/stream"))
    await happens(app.started)
    await stream.head()
    stopping = asyncio.create_task(server.stop())
    await asyncio.wait([stopping], timeout=0.5)
    assert not stopping.done()

    app.release()
    response = await unary.response()
    assert (response.status, response.headers["connection"], response.body) == (200, "close", b"done")
    assert await stream.rest() == b"5\r\nfirst\r\n4\r\ndone\r\n0\r\n\r\n"
    await stopping


async def test_a_request_on_a_kept_connection_is_the_last_one(serve_http: Any, connect_raw: Any) -> None:
    app = Slow()
    server = serve_http(app, drain_seconds=30)
    running, kept = await connect_raw(server), await connect_raw(server)
    await running.send(GET)
    await kept.send(request(b"/quick"))
    assert "connection" not in (await kept.response()).headers
    await happens(app.started)
    stopping = asyncio.create_task(server.stop())
    await asyncio.wait([stopping], timeout=0.5)

    await kept.send(request(b"/quick"))
    assert (await kept.response()).headers["connection"] == "close"
    assert await kept.rest() == b""
    app.release()
    await stopping


async def test_what_runs_beyond_the_drain_is_cut_and_awaited(serve_http: Any, connect_raw: Any) -> None:
    app = Slow()
    server = serve_http(app, drain_seconds=0.3)
    unary, stream = await connect_raw(server), await connect_raw(server)
    await unary.send(GET)
    await stream.send(request(b"/stream"))
    await stream.head()
    await happens(app.started)
    began = time.perf_counter()
    await server.stop()
    assert 0.29 < time.perf_counter() - began < 8
    assert app.ended.is_set()
    response = await unary.response()
    assert response.status == 503
    assert json.loads(response.body)["error"]["status"] == "UNAVAILABLE"
    assert await stream.rest() == b"5\r\nfirst\r\n"


async def test_an_app_may_end_its_stream_when_it_is_cut(serve_http: Any, connect_raw: Any) -> None:
    async def polite(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await send({"type": "http.response.body", "body": b"sorry"})
            raise

    server = serve_http(polite, drain_seconds=0.1)
    client = await connect_raw(server)
    await client.send(GET)
    await client.head()
    await server.stop()
    assert await client.rest() == b"5\r\nsorry\r\n0\r\n\r\n"


async def test_a_stubborn_app_and_a_stalled_client_do_not_delay_the_end(serve_http: Any, connect_raw: Any) -> None:
    release = threading.Event()

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(30_000_000), "more_body": True})
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)

    server = serve_http(stubborn, Limits(write_seconds=60), drain_seconds=0.2)
    client = await connect_raw(server, limit=1024)
    await client.send(GET)
    await client.head()
    began = time.perf_counter()
    await server.stop()
    assert time.perf_counter() - began < 20
    assert server.connections == 0
    release.set()


async def test_stopping_twice_is_stopping_once(serve_http: Any) -> None:
    server = serve_http(hello, drain_seconds=1)
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()


async def test_a_listener_that_never_started_stops() -> None:
    await Listener(hello, host="127.0.0.1", port=0).stop()


# File descriptors.

SMALL_PROCESS = """
    import asyncio, resource, uvloop
    from geminid.doors.listen import Listener

    async def hello(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": open("/dev/null", "rb").read()})

    async def main():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        listener = Listener(hello, host="127.0.0.1", port=0)
        await listener.start()
        print(listener.port, flush=True)
        await asyncio.Event().wait()

    uvloop.run(main())
"""


def status(client: socket.socket) -> bytes:
    with contextlib.suppress(ConnectionError):
        client.sendall(GET)
        return client.recv(12)
    return b""


def test_more_clients_than_file_descriptors() -> None:
    command = [sys.executable, "-c", textwrap.dedent(SMALL_PROCESS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stdout is not None
        address = ("127.0.0.1", int(process.stdout.readline()))
        clients = [stack.enter_context(socket.create_connection(address, 5)) for _ in range(150)]
        served = [client for client in clients if status(client) == b"HTTP/1.1 200"]
        assert len(served) == 32
        for client in clients:
            client.close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with socket.create_connection(address, 5) as newcomer:
                if status(newcomer) == b"HTTP/1.1 200":
                    return
        pytest.fail("the server did not recover")
