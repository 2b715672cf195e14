"""What the HTTP/1.1 protocol promises to the app behind it and to the other clients, whatever one client does."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from typing import Any

import pytest

from geminid.doors.limits import Limits

HOST = b"Host: geminid\r\n"
GET = b"GET /canary HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\n{"

QUICK = Limits(header_seconds=0.3, body_seconds=0.3, body_rate=1000, keep_alive_seconds=0.6, write_seconds=0.3)


def post(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST / HTTP/1.1", b"Host: geminid", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def read_body(receive: Any) -> bytes | None:
    """The whole body, or None when the client goes away."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message["more_body"]:
            return body


async def answer(send: Any, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was asked, as JSON."""
    body = await read_body(receive)
    if body is None:
        return
    asked = {name: scope[name] for name in ("method", "path", "http_version")}
    headers = [name.decode() for name, _ in scope["headers"]]
    await answer(send, json.dumps(asked | {"size": len(body), "headers": headers}).encode())


class Watched:
    """An app that works until its client goes away or it is told to finish, streaming ``chunk`` first if given."""

    def __init__(self, chunk: bytes | None = None, *, finish: bool = False) -> None:
        self.chunk = chunk
        self.started = threading.Event()
        self.disconnected = threading.Event()
        self._finish = asyncio.Event()
        if finish:
            self._finish.set()

    def finish(self) -> None:
        self._loop.call_soon_threadsafe(self._finish.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/canary":
            return await echo(scope, receive, send)
        self._loop = asyncio.get_running_loop()
        await read_body(receive)
        if self.chunk is not None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": self.chunk, "more_body": True})
        self.started.set()
        if await self._client_leaves(receive):
            self.disconnected.set()
        elif self.chunk is None:
            await answer(send, b"done")
        else:
            await send({"type": "http.response.body", "body": b"done"})

    async def _client_leaves(self, receive: Any) -> bool:
        watcher = asyncio.create_task(receive())
        finish = asyncio.create_task(self._finish.wait())
        done, waiting = await asyncio.wait([watcher, finish], return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        return watcher in done


async def happens(event: threading.Event, seconds: float = 8) -> float:
    """Waits for an event of the server's thread; returns how many seconds it took."""
    began = time.perf_counter()
    assert await asyncio.to_thread(event.wait, seconds)
    return time.perf_counter() - began


@pytest.fixture
def echo_server(serve_http: Any) -> Any:
    return serve_http(echo)


MALFORMED = {
    "length, chunked": b"POST / HTTP/1.1\r\n%bContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked, length": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n%bContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "one length twice": b"POST / HTTP/1.1\r\n%bContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": b"POST / HTTP/1.1\r\n%bContent-Length: 5, 5\r\n\r\nhello",
    "length +5": b"POST / HTTP/1.1\r\n%bContent-Length: +5\r\n\r\nhello",
    "length 0x5": b"POST / HTTP/1.1\r\n%bContent-Length: 0x5\r\n\r\nhello",
    "length -1": b"POST / HTTP/1.1\r\n%bContent-Length: -1\r\n\r\nhello",
    "length 1e30": b"POST / HTTP/1.1\r\n%bContent-Length: 1e30\r\n\r\nhello",
    "length overflow": b"POST / HTTP/1.1\r\n%bContent-Length: 99999999999999999999\r\n\r\nhello",
    "empty length": b"POST / HTTP/1.1\r\n%bContent-Length: \r\n\r\nhello",
    "xchunked": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip, chunked": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\n%b" + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: identity\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\n%bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded line": b"GET / HTTP/1.1\r\n%bX: a\r\n b\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\n%b\n",
    "bare CR in a value": b"GET / HTTP/1.1\r\n%bX: a\rSet-Cookie: b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\n%bX: a\0b\r\n\r\n",
    "control character": b"GET / HTTP/1.1\r\n%bX: a\x01b\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\n%bX : a\r\n\r\n",
    "empty name": b"GET / HTTP/1.1\r\n%b: a\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n%bHost: other\r\n\r\n",
    "chunk size overflow": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na",
    "negative chunk size": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n-1\r\na",
    "LF after a chunk size": b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "endless chunk extension": CHUNKED + b"1;" + b"x" * 1_000_000 + b"\r\na\r\n0\r\n\r\n",
    "endless trailers": CHUNKED + b"0\r\n" + b"X: y\r\n" * 200_000,
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(300),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n%b\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "lower-case method": b"post / HTTP/1.1\r\n%b\r\n",
    "CONNECT": b"CONNECT geminid:443 HTTP/1.1\r\n%b\r\n",
    "absolute form with a bad port": b"GET http://geminid:99999/ HTTP/1.1\r\n%b\r\n",
    "space in the path": b"GET /a b HTTP/1.1\r\n%b\r\n",
    "NUL in the path": b"GET /a\0b HTTP/1.1\r\n%b\r\n",
    "raw bytes in the path": b"GET /\xff\xfe HTTP/1.1\r\n%b\r\n",
    "WebSocket": b"GET / HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Protocol: caf\xc3\xa9\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_requests_are_refused(name: str, echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    request = MALFORMED[name]
    await client.send(request.replace(b"%b", HOST))
    response = await client.response()
    assert response.status == 400
    assert json.loads(response.body)["error"]["status"] == "INVALID_ARGUMENT"
    assert await client.rest() == b""


OVERSIZED = {
    "long URL": (b"GET /" + b"a" * 8_192 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "endless URL": (b"GET /" + b"a" * 1_000_000, 414),
    "long query": (b"GET /?key=" + b"a" * 1_000_000, 414),
    "large header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 65_536 + b"\r\n\r\n", 431),
    "endless header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 1_000_000, 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 100 + b"\r\n", 431),
    "endless headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 200_000, 431),
}


@pytest.mark.parametrize("name", OVERSIZED)
async def test_oversized_heads_are_refused(name: str, echo_server: Any, connect_raw: Any) -> None:
    request, status = OVERSIZED[name]
    client = await connect_raw(echo_server)
    await client.send(request)
    assert (await client.response()).status == status


async def test_a_large_head_is_refused_in_pieces_too(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    head = OVERSIZED["large header"][0]
    for piece in (head[:40_000], head[40_000:65_530], head[65_530:]):
        await client.send(piece)
        await asyncio.sleep(0.02)
    assert (await client.response()).status == 431


SERVED = {
    "HTTP/1.0 without host": (b"GET / HTTP/1.0\r\n\r\n", {"http_version": "1.0"}),
    "empty lines first": (b"\r\n\r\n" + GET, {"path": "/canary"}),
    "absolute form": (b"GET http://geminid/v1?x=1 HTTP/1.1\r\n" + HOST + b"\r\n", {"path": "/v1"}),
    "absolute form without a path": (b"GET http://geminid HTTP/1.1\r\n" + HOST + b"\r\n", {"path": "/"}),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", {"path": "*"}),
    "escaped path": (b"GET /models%3Agenerate HTTP/1.1\r\n" + HOST + b"\r\n", {"path": "/models:generate"}),
    "dots are not resolved": (b"GET /a/..%2f../b HTTP/1.1\r\n" + HOST + b"\r\n", {"path": "/a/../../b"}),
    "one hundred headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 99 + b"\r\n", {"method": "GET"}),
    "64 KiB of headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 65_000 + b"\r\n\r\n", {"size": 0}),
    "chunks": (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", {"size": 11}),
    "trailers are dropped": (CHUNKED + b"0\r\nX-Role: admin\r\n\r\n", {"headers": ["host", "transfer-encoding"]}),
    "offer of h2c": (
        post(b"hello", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        {"method": "POST", "size": 5},
    ),
}


@pytest.mark.parametrize("name", SERVED)
async def test_unusual_requests_are_served(name: str, echo_server: Any, connect_raw: Any) -> None:
    request, expected = SERVED[name]
    client = await connect_raw(echo_server)
    await client.send(request)
    response = await client.response()
    assert response.status == 200
    assert json.loads(response.body).items() >= expected.items()


async def test_a_refusal_looks_like_googles(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(b"GET / HTTP/1.1\r\n\r\n")
    response = await client.response()
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["connection"] == "close"
    assert response.body.decode() == (
        '{\n  "error": {\n    "code": 400,\n'
        '    "message": "Your client has issued a malformed or illegal request.",\n'
        '    "status": "INVALID_ARGUMENT"\n  }\n}\n'
    )


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"Content-Length: 1001\r\n\r\n", id="announced"),
        pytest.param(b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n", id="announced, waiting for 100"),
        pytest.param(b"Transfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n", id="chunked"),
    ],
)
async def test_a_body_beyond_the_limit_is_refused(request_: bytes, serve_http: Any, connect_raw: Any) -> None:
    client = await connect_raw(serve_http(echo, Limits(body_bytes=1000)))
    head, _, chunk = request_.partition(b"\r\n\r\n")
    await client.send(b"POST / HTTP/1.1\r\n" + HOST + head + b"\r\n\r\n" + chunk * 11)
    response = await client.response()
    assert response.status == 400
    assert json.loads(response.body)["error"]["message"] == "Request payload size exceeds the limit: 1000 bytes."


async def test_a_client_that_goes_on_sending_still_reads_its_refusal(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    sending = asyncio.create_task(client.send(post(b"x" * 24_000_000)))
    response = await client.response()
    await sending
    assert b"exceeds the limit: 20971520 bytes." in response.body


async def test_the_app_of_a_refused_request_sees_a_disconnect(serve_http: Any, connect_raw: Any) -> None:
    refused = threading.Event()
    seen = []

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(refused.wait, 30)
        seen.append((await receive())["type"])
        await answer(send, b"too late")
        seen.append("answered")

    server = serve_http(late, Limits(body_bytes=1000), drain_seconds=5)
    client = await connect_raw(server)
    await client.send(CHUNKED[:-2] + b"Expect: 100-continue\r\n\r\n" + b"7d0\r\n" + bytes(2000))
    assert (await client.response()).status == 400
    refused.set()
    assert await client.rest() == b""
    await server.stop()
    assert seen == ["http.disconnect", "answered"]


async def test_large_bodies_arrive_whole(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(post(b"x" * 20_971_520))
    assert json.loads((await client.response()).body)["size"] == 20_971_520


async def test_three_megabytes_of_tiny_chunks_are_no_burden(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    began = time.perf_counter()
    await client.send(CHUNKED + b"1\r\nx\r\n" * 500_000 + b"0\r\n\r\n")
    assert json.loads((await client.response()).body)["size"] == 500_000
    assert time.perf_counter() - began < 5


async def test_http_1_0_streams_until_the_connection_ends(serve_http: Any, connect_raw: Any) -> None:
    app = Watched(chunk=b"one,", finish=True)
    client = await connect_raw(serve_http(app))
    await client.send(b"GET / HTTP/1.0\r\n\r\n")
    _, headers = await client.head()
    assert "transfer-encoding" not in headers
    assert await client.rest() == b"one,done"


# Several requests on one connection.


async def test_pipelined_requests_are_answered_in_order(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(b"".join(post(b"x" * size) for size in range(50)))
    sizes = [json.loads((await client.response()).body)["size"] for _ in range(50)]
    assert sizes == list(range(50))


async def test_a_malformed_request_is_refused_after_those_before_it(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(GET + b"GET / HTTP/1.1\r\n\r\n" + GET * 48)
    assert (await client.response()).status == 200
    assert (await client.response()).status == 400
    assert await client.rest() == b""


async def test_a_malformed_body_is_refused_after_the_requests_before_it(serve_http: Any, connect_raw: Any) -> None:
    app = Watched()
    client = await connect_raw(serve_http(app))
    await client.send(post(b"") + GET + CHUNKED + b"zz\r\n")
    await happens(app.started)
    app.finish()
    statuses = [(await client.response()).status for _ in range(3)]
    assert statuses == [200, 200, 400]


async def test_a_request_after_connection_close_is_not_served(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(post(b"last", b"Connection: close") + GET)
    assert json.loads((await client.response()).body)["size"] == 4
    assert await client.rest() == b""


async def test_the_queue_behind_a_running_request_is_bounded(serve_http: Any, connect_raw: Any) -> None:
    app = Watched()
    client = await connect_raw(serve_http(app, Limits(pipelined=3)))
    await client.send(post(b"") + GET * 5000)
    await happens(app.started)
    app.finish()
    statuses = [(await client.response()).status for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 400]


async def test_many_offers_to_upgrade_in_one_read(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(post(b"hello", b"Connection: Upgrade", b"Upgrade: h2c") * 1000)
    assert (await client.response()).status == 200


async def test_nothing_is_injected_into_a_response_that_has_begun(serve_http: Any, connect_raw: Any) -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"early", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass

    client = await connect_raw(serve_http(early))
    await client.send(CHUNKED)
    await client.head()
    assert await client.reader.readexactly(10) == b"5\r\nearly\r\n"
    await client.send(b"zz\r\n")
    assert await client.rest() == b""


async def test_an_app_may_answer_before_the_body_has_come(serve_http: Any, connect_raw: Any) -> None:
    async def hasty(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, scope["path"].encode())

    client = await connect_raw(serve_http(hasty))
    await client.send(HALF_BODY)
    assert (await client.response()).body == b"/"
    await client.send(b"x" * 99 + GET)
    assert (await client.response()).body == b"/canary"


async def test_a_connection_is_kept_after_an_early_answer(serve_http: Any, connect_raw: Any) -> None:
    async def hasty(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, scope["path"].encode())

    client = await connect_raw(serve_http(hasty, Limits(body_seconds=1)))
    await client.send(HALF_BODY)
    await client.response()
    await client.send(b"x" * 99)
    await asyncio.sleep(1.3)
    await client.send(GET)
    assert (await client.response()).body == b"/canary"


# An app that fails.


async def test_an_app_that_raises_is_answered_500(serve_http: Any, connect_raw: Any, caplog: Any) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("a secret")

    client = await connect_raw(serve_http(broken))
    await client.send(GET)
    response = await client.response()
    assert response.status == 500
    assert json.loads(response.body)["error"]["message"] == "Internal error encountered."
    assert "a secret" in caplog.text


async def test_an_app_that_raises_after_its_response_spoils_nothing(
    serve_http: Any, connect_raw: Any, caplog: Any
) -> None:
    async def untidy(scope: Any, receive: Any, send: Any) -> None:
        await answer(send, b"done")
        raise ValueError("too late")

    client = await connect_raw(serve_http(untidy))
    for _ in range(2):
        await client.send(GET)
        assert (await client.response()).body == b"done"
    assert "too late" in caplog.text


async def test_an_app_that_raises_amid_its_response_cuts_it(serve_http: Any, connect_raw: Any) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError

    client = await connect_raw(serve_http(broken))
    await client.send(GET)
    await client.head()
    assert await client.rest() == b"4\r\nhalf\r\n"


# Deadlines.


async def test_a_connection_without_a_request_is_closed(serve_http: Any, connect_raw: Any) -> None:
    client = await connect_raw(serve_http(echo, QUICK))
    assert await client.rest() == b""


@pytest.mark.parametrize("half", [b"G", b"GET / HTTP/1.1\r\nHost: gem", HALF_BODY, CHUNKED + b"5\r\nhe"])
async def test_half_a_request_is_answered_408(
    half: bytes, serve_http: Any, connect_raw: Any, eventually: Any
) -> None:
    server = serve_http(echo, QUICK)
    client = await connect_raw(server)
    await client.send(half)
    response = await client.response()
    assert response.status == 408
    assert json.loads(response.body)["error"] == {
        "code": 408,
        "message": "Your client has taken too long to issue its request.",
        "status": "DEADLINE_EXCEEDED",
    }
    assert await client.rest() == b""
    client.close()
    await eventually(lambda: not server.connections)


@pytest.mark.parametrize("request_", [GET, HALF_BODY], ids=["head", "body"])
async def test_dripping_a_request_does_not_move_its_deadline(
    request_: bytes, serve_http: Any, connect_raw: Any
) -> None:
    client = await connect_raw(serve_http(echo, QUICK))
    response = asyncio.create_task(client.response())
    for byte in request_[:40] if request_ is GET else request_.ljust(200, b"x"):
        if response.done():
            break
        await client.send(bytes([byte]))
        if request_ is GET or byte == ord("x"):
            await asyncio.wait([response], timeout=0.05)
    assert (await response).status == 408


async def test_a_body_that_is_slow_but_steady_is_served(serve_http: Any, connect_raw: Any) -> None:
    client = await connect_raw(serve_http(echo, Limits(body_seconds=1.5, body_rate=50)))
    await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2000\r\n\r\n")
    for _ in range(10):
        await client.send(b"x" * 200)
        await asyncio.sleep(0.2)
    assert json.loads((await client.response()).body)["size"] == 2000


async def test_expect_100_continue_and_then_nothing(serve_http: Any, connect_raw: Any) -> None:
    client = await connect_raw(serve_http(echo, QUICK))
    await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.head())[0] == 100
    assert (await client.response()).status == 408


async def test_a_client_waiting_for_100_continue_is_not_late(serve_http: Any, connect_raw: Any) -> None:
    async def hesitant(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(1.3)
        await echo(scope, receive, send)

    client = await connect_raw(serve_http(hesitant, Limits(body_seconds=1)))
    await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.head())[0] == 100
    await client.send(b"hello")
    assert (await client.response()).status == 200


async def test_a_long_running_request_has_no_deadline_here(serve_http: Any, connect_raw: Any) -> None:
    app = Watched()
    limits = Limits(header_seconds=1, body_seconds=1, keep_alive_seconds=1, write_seconds=1)
    client = await connect_raw(serve_http(app, limits))
    await client.send(post(b""))
    await asyncio.sleep(1.3)
    app.finish()
    assert (await client.response()).body == b"done"


async def test_an_idle_connection_is_kept_and_then_closed(serve_http: Any, connect_raw: Any) -> None:
    client = await connect_raw(serve_http(echo, Limits(keep_alive_seconds=2)))
    for _ in range(3):
        await client.send(GET)
        assert (await client.response()).status == 200
        await asyncio.sleep(0.8)
    began = time.perf_counter()
    assert await client.rest() == b""
    assert time.perf_counter() - began < 5


IMPATIENT = Limits(write_seconds=1)


class Flood:
    """Sends 20 MB in writes of ``size`` bytes and notes when its client is gone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.disconnected = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await read_body(receive)
        headers = [(b"content-length", b"20000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number in range(20_000_000 // self.size):
            last = (number + 1) * self.size == 20_000_000
            await send({"type": "http.response.body", "body": bytes(self.size), "more_body": not last})
        if (await receive())["type"] == "http.disconnect":
            self.disconnected.set()


@pytest.mark.parametrize("size", [100_000, 20_000_000])
async def test_a_client_that_stops_reading_is_cut(
    size: int, serve_http: Any, connect_raw: Any, eventually: Any
) -> None:
    app = Flood(size)
    server = serve_http(app, IMPATIENT)
    client = await connect_raw(server, limit=1024)
    await client.send(b"GET / HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    await happens(app.disconnected)
    await eventually(lambda: not server.connections)


@pytest.mark.parametrize("size", [1_000_000, 20_000_000])
async def test_a_client_that_reads_slowly_gets_everything(size: int, serve_http: Any, connect_raw: Any) -> None:
    client = await connect_raw(serve_http(Flood(size), IMPATIENT), limit=65_536)
    await client.send(GET)
    await client.head()
    left = 20_000_000
    while left and (piece := await client.reader.read(1_000_000)):
        left -= len(piece)
        await asyncio.sleep(0.02)
    assert left == 0


# A client that goes away.


@pytest.mark.parametrize("way", ["close", "reset"])
@pytest.mark.parametrize("chunk", [None, b"data"], ids=["before the response", "amid a stream"])
@pytest.mark.parametrize("behind", [b"", GET * 3], ids=["alone", "with requests behind it"])
async def test_the_app_learns_at_once_that_its_client_left(
    way: str, chunk: bytes | None, behind: bytes, serve_http: Any, connect_raw: Any, eventually: Any
) -> None:
    app = Watched(chunk)
    server = serve_http(app)
    client = await connect_raw(server)
    await client.send(post(b"x") + behind)
    await happens(app.started)
    getattr(client, way)()
    assert await happens(app.disconnected) < 2
    await eventually(lambda: not server.connections)


@pytest.mark.parametrize("chunk", [None, b"data"], ids=["unary", "stream"])
async def test_a_client_that_half_closes_gets_its_answer(
    chunk: bytes | None, serve_http: Any, connect_raw: Any
) -> None:
    app = Watched(chunk)
    client = await connect_raw(serve_http(app))
    await client.send(post(b"x"))
    client.half_close()
    await happens(app.started)
    await asyncio.sleep(0.6)
    app.finish()
    if chunk is None:
        while (await client.line()) != b"HTTP/1.1 200 OK\r\n":
            pass
        assert (await client.rest()).endswith(b"\r\n\r\ndone")
    else:
        assert (await client.response()).body == b"datadone"
        assert await client.rest() == b""


async def test_a_client_that_half_closes_gets_every_pipelined_answer(echo_server: Any, connect_raw: Any) -> None:
    client = await connect_raw(echo_server)
    await client.send(GET * 3)
    client.half_close()
    assert (await client.rest()).count(b"HTTP/1.1 200 OK") == 3


async def test_a_client_that_half_closes_and_then_leaves_is_noticed(serve_http: Any, connect_raw: Any) -> None:
    app = Watched()
    client = await connect_raw(serve_http(app))
    await client.send(post(b"x"))
    client.half_close()
    await happens(app.started)
    client.close()
    assert await happens(app.disconnected) < 3


# Everyone else.


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_clients_beyond_the_limit_are_told_to_come_back(
    serve_http: Any, connect_raw: Any, eventually: Any
) -> None:
    server = serve_http(echo, Limits(connections=2))
    held = [await connect_raw(server) for _ in range(2)]
    for client in held:
        await client.send(GET)
        assert (await client.response()).status == 200
    surplus = await connect_raw(server)
    assert (await surplus.response()).status == 503
    held[0].close()
    await eventually(lambda: server.connections < 2)
    await (newcomer := await connect_raw(server)).send(GET)
    assert (await newcomer.response()).status == 200


async def test_bad_clients_do_not_hold_up_good_ones(serve_http: Any, connect_raw: Any, eventually: Any) -> None:
    app = Watched(chunk=bytes(8_000_000))
    limits = Limits(header_seconds=3, body_seconds=3, write_seconds=3)
    server = serve_http(app, limits)
    canary = await connect_raw(server)
    await canary.send(GET)
    await canary.response()
    descriptors = open_descriptors()

    bad = [await connect_raw(server) for _ in range(200)]
    for number, client in enumerate(bad):
        await client.send(HALF_BODY if number % 2 else b"GET / HTTP/1.1\r\nHo")
    stalled = await connect_raw(server, limit=1024)
    await stalled.send(b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
    closed = asyncio.gather(*(client.rest() for client in bad))

    slowest = 0.0
    while not closed.done():
        began = time.perf_counter()
        await canary.send(GET)
        assert (await canary.response()).status == 200
        slowest = max(slowest, time.perf_counter() - began)
        await asyncio.sleep(0.01)
    assert all(b"408 Request Timeout" in answer for answer in await closed)
    assert slowest < 2
    await happens(app.disconnected)

    for client in [*bad, stalled]:
        client.close()
    await eventually(lambda: server.connections == 1 and open_descriptors() <= descriptors)
