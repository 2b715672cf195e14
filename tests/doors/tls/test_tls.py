"""The TLS port: HTTP in this process, gRPC through a tunnel, and those who only knock."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import grpc
import pytest

from geminid.doors.authority import Authority
from geminid.doors.listen import Listener, ListenError
from geminid.doors.tls import TlsLimits, TlsListener

HOST = "us-central1-aiplatform.googleapis.com"
GET = b"GET / HTTP/1.1\r\nHost: geminid\r\n\r\n"

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("tls"))
    authority.certificate()
    return authority


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was sent, or with the scheme and the client's address."""
    body = b""
    while (event := await receive())["type"] == "http.request":
        body += event["body"]
        if not event["more_body"]:
            break
    answer = body or json.dumps([scope["scheme"], scope["client"][0]]).encode()
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


Start: TypeAlias = Callable[..., Awaitable[TlsListener]]


@pytest.fixture
async def start(authority: Authority) -> AsyncIterator[Start]:
    """Starts TLS in front of ``app`` and of a gRPC port: ``await start(app, grpc_port, tunnels=1)``."""
    listeners: list[Any] = []

    async def start(
        app: Any = echo, grpc_port: int | None = None, host: str = "127.0.0.1", port: int = 0, **limits: Any
    ) -> TlsListener:
        plain = Listener(app, host="127.0.0.1", port=0, drain_seconds=0.2)
        await plain.start()
        listeners.append(plain)
        tls = TlsListener(
            plain.connect,
            grpc_port,
            host=host,
            port=port,
            certificate=authority.certificate(),
            limits=TlsLimits(**{"drain_seconds": 0.2} | limits),
        )
        await tls.start()
        listeners.append(tls)
        return tls

    yield start
    for listener in reversed(listeners):
        await listener.stop()


def client_context(authority: Authority, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.ca))
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


Connect: TypeAlias = Callable[..., Awaitable[Connection]]


@pytest.fixture
async def connect(authority: Authority) -> AsyncIterator[Connect]:
    """Opens TLS connections that offer ``protocols``."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(tls: TlsListener, *protocols: str, **options: Any) -> Connection:
        context = client_context(authority, *protocols)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", tls.port, ssl=context, server_hostname=HOST, **options
        )
        writers.append(writer)
        return reader, writer

    yield connect
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


@pytest.fixture
async def backend() -> AsyncIterator[Callable[[Any], Awaitable[int]]]:
    """A plain TCP server in the place of the gRPC port."""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(handle: Any) -> int:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            with contextlib.suppress(ConnectionError):
                await handle(reader, writer)

        servers.append(await asyncio.start_server(connected, "127.0.0.1", 0))
        port: int = servers[-1].sockets[0].getsockname()[1]
        return port

    yield serve
    for server in servers:
        server.close()
    for writer in writers:
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What is left until the connection ends, in whatever way."""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            return await reader.read()
    return b""


async def rest(count: Callable[[], int]) -> int:
    """What a count comes to that does not grow any more: half a second long."""
    before = -1
    async with asyncio.timeout(10):
        while before != count():
            before = count()
            await asyncio.sleep(0.5)
    return before


async def run(*command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


# HTTP/1.1.


@pytest.mark.parametrize("protocols", [(), ("http/1.1",), ("h2", "http/1.1")])
async def test_http_is_served_as_https(start: Start, connect: Connect, protocols: tuple[str, ...]) -> None:
    """Those who speak HTTP/2 as well get HTTP/1.1: behind h2 is gRPC and nothing else."""
    reader, writer = await connect(await start(grpc_port=1), *protocols)

    writer.write(GET)

    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    assert json.loads(await reader.readuntil(b"]")) == ["https", "127.0.0.1"]


async def test_a_connection_is_kept_alive(start: Start, connect: Connect) -> None:
    reader, writer = await connect(await start())

    for _ in range(3):
        writer.write(GET)
        assert (await reader.readuntil(b"]")).startswith(b"HTTP/1.1 200")


async def test_bodies_of_any_size_pass(start: Start, connect: Connect) -> None:
    body = os.urandom(3_000_000)
    reader, writer = await connect(await start())

    writer.write(b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(len(body)) == body


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
async def test_curl_reaches_it_by_googles_name(start: Start, authority: Authority) -> None:
    tls = await start(grpc_port=1)

    out = await run(
        "curl", "-sS", "--noproxy", "*", "--cacert", str(authority.ca),
        "--resolve", f"{HOST}:{tls.port}:127.0.0.1", f"https://{HOST}:{tls.port}/",
    )  # fmt: skip

    assert json.loads(out) == ["https", "127.0.0.1"]


async def test_a_response_that_runs_is_finished_when_both_stop(authority: Authority, connect: Connect) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        started.set()
        await release.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})

    plain = Listener(slow, host="127.0.0.1", port=0, drain_seconds=5)
    await plain.start()
    tls = TlsListener(plain.connect, None, host="127.0.0.1", port=0, certificate=authority.certificate())
    await tls.start()
    reader, writer = await connect(tls)
    writer.write(GET)
    await started.wait()

    stopping = asyncio.gather(tls.stop(), plain.stop())
    await asyncio.sleep(0)
    release.set()

    assert (await ended(reader)).endswith(b"\r\n\r\ndone")
    await stopping


# gRPC.

GRPC_CLIENT = """
    import sys, grpc
    raw = {"request_serializer": bytes, "response_deserializer": bytes}
    options = [("grpc.ssl_target_name_override", sys.argv[2]), ("grpc.max_receive_message_length", -1)]
    with grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials(), options) as channel:
        big = bytes(range(256)) * 12_000
        assert channel.unary_unary("/test.Echo/Unary", **raw)(big, timeout=20) == big
        chunks = list(channel.unary_stream("/test.Echo/Stream", **raw)(b"chunk", timeout=20))
        assert chunks == [b"chunk%d" % number for number in range(50)], chunks
        try:
            channel.unary_unary("/test.Echo/Missing", **raw)(b"", timeout=20)
        except grpc.RpcError as error:
            print(error.code().name)
"""


class Echo(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> Any:
        match details.method:
            case "/test.Echo/Unary":
                return grpc.unary_unary_rpc_method_handler(self.unary)
            case "/test.Echo/Stream":
                return grpc.unary_stream_rpc_method_handler(self.stream)
        return None

    async def unary(self, request: bytes, context: Any) -> bytes:
        return request

    async def stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        for number in range(50):
            yield request + str(number).encode()


async def test_grpc_passes_through(start: Start, authority: Authority) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((Echo(),))
    tls = await start(grpc_port=server.add_insecure_port("127.0.0.1:0"))
    await server.start()

    out = await run(
        sys.executable, "-c", textwrap.dedent(GRPC_CLIENT), f"127.0.0.1:{tls.port}", HOST,
        GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=str(authority.ca), no_proxy="127.0.0.1",
    )  # fmt: skip

    assert out == "UNIMPLEMENTED\n"
    await server.stop(0)


async def test_a_client_that_does_not_read_holds_the_server_back(
    start: Start, connect: Connect, backend: Any
) -> None:
    written = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        while written < 200_000_000:
            writer.write(bytes(100_000))
            await writer.drain()
            written += 100_000

    reader, _ = await connect(await start(grpc_port=await backend(pour)), "h2", limit=65_536)

    await reader.readexactly(1)
    stalled = await rest(lambda: written)
    assert stalled < 25_000_000
    await reader.readexactly(40_000_000)
    assert written > stalled


async def test_a_server_that_does_not_read_holds_the_client_back(
    start: Start, connect: Connect, backend: Any
) -> None:
    release = asyncio.Event()
    received: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        received.set_result(len(await reader.readexactly(30_000_000)))

    _, writer = await connect(await start(grpc_port=await backend(wait)), "h2")

    async def pour() -> None:
        nonlocal written
        while written < 30_000_000:
            writer.write(bytes(100_000))
            await writer.drain()
            written += 100_000

    written = 0
    pouring = asyncio.create_task(pour())
    assert await rest(lambda: written) < 25_000_000
    release.set()

    assert await asyncio.wait_for(received, 10) == 30_000_000
    await pouring


async def test_the_end_of_the_server_comes_after_its_last_byte(
    start: Start, connect: Connect, backend: Any
) -> None:
    async def farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(2_000_000))
        writer.close()

    reader, _ = await connect(await start(grpc_port=await backend(farewell)), "h2")

    assert len(await ended(reader)) == 2_000_000


async def test_the_end_of_the_client_reaches_the_server(start: Start, connect: Connect, backend: Any) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    _, writer = await connect(await start(grpc_port=await backend(read)), "h2")
    writer.write(b"last words")
    writer.close()

    assert await asyncio.wait_for(received, 5) == b"last words"


async def test_without_a_server_the_connection_ends(start: Start, connect: Connect) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        reader, _ = await connect(await start(grpc_port=closed.getsockname()[1]), "h2")

        assert await ended(reader) == b""


async def test_without_a_grpc_port_nobody_gets_h2(start: Start, connect: Connect) -> None:
    _, writer = await connect(await start(grpc_port=None), "h2", "http/1.1")

    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"!")
    await reader.read()
    writer.close()


async def test_tunnels_are_counted(start: Start, connect: Connect, backend: Any, eventually: Any) -> None:
    tls = await start(grpc_port=await backend(idle), tunnels=1)
    reader, first = await connect(tls, "h2")
    assert await reader.readexactly(1) == b"!"
    refused, _ = await connect(tls, "h2")
    assert await ended(refused) == b""

    first.transport.abort()
    await eventually(lambda: not tls._tunnels)

    reader, _ = await connect(tls, "h2")
    assert await reader.readexactly(1) == b"!"


async def test_a_tunnel_that_outlasts_the_drain_is_cut(start: Start, connect: Connect, backend: Any) -> None:
    tls = await start(grpc_port=await backend(idle), drain_seconds=0.2)
    reader, _ = await connect(tls, "h2")
    assert await reader.readexactly(1) == b"!"
    began = time.monotonic()

    await asyncio.gather(tls.stop(), tls.stop())

    assert 0.19 < time.monotonic() - began < 5
    assert await ended(reader) == b""


# The handshake.


async def test_plain_http_is_closed_without_a_word(start: Start) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", (await start()).port)

    writer.write(GET)

    # At most a TLS alert of seven bytes.
    assert not (await ended(reader)).startswith(b"HTTP")
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "half a ClientHello"])
async def test_a_handshake_that_stops_is_ended(start: Start, sent: bytes) -> None:
    tls = await start(handshake_seconds=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", tls.port)
    began = time.monotonic()

    writer.write(sent)

    assert await ended(reader) == b""
    assert 0.1 < time.monotonic() - began < 5
    writer.close()


async def test_those_who_stall_give_way(start: Start, connect: Connect, eventually: Any) -> None:
    tls = await start(handshakes=5)
    knocks = [await asyncio.open_connection("127.0.0.1", tls.port) for _ in range(40)]

    reader, writer = await connect(tls)
    writer.write(GET)

    assert (await reader.readuntil(b"]")).startswith(b"HTTP/1.1 200")
    assert await asyncio.gather(*(ended(reader) for reader, _ in knocks[:30])) == [b""] * 30
    await eventually(lambda: len(tls._handshakes) <= 5)
    for _, writer in knocks:
        writer.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_old_tls_is_refused(start: Start, authority: Authority) -> None:
    context = client_context(authority)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", (await start()).port, ssl=context, server_hostname=HOST)


async def test_a_certificate_is_exchanged_while_it_runs(start: Start, connect: Connect, tmp_path: Path) -> None:
    tls = await start()
    await connect(tls)
    other = Authority(tmp_path)

    tls.reload(other.certificate())

    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(tls)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", tls.port, ssl=client_context(other), server_hostname="localhost"
    )
    writer.write(GET)
    assert (await reader.readuntil(b"]")).startswith(b"HTTP/1.1 200")
    writer.transport.abort()


# The port.


async def test_a_port_that_is_taken_is_told(start: Start) -> None:
    taken = (await start()).port

    with pytest.raises(ListenError, match=f"Cannot listen for TLS on port {taken}"):
        await start(port=taken)


async def test_a_host_that_is_unknown_is_told(start: Start) -> None:
    with pytest.raises(ListenError, match=r"of no\.such\.host\.invalid"):
        await start(host="no.such.host.invalid")


async def test_all_addresses_of_a_name_share_the_port(start: Start) -> None:
    tls = await start(host="localhost")

    for address in {info[4][0] for info in socket.getaddrinfo("localhost", tls.port, type=socket.SOCK_STREAM)}:
        _, writer = await asyncio.open_connection(address, tls.port)
        writer.close()
