"""One TLS port for HTTP and gRPC: what a client offers by ALPN decides.

HTTP/1.1 is served in this process, by the same protocol as on the plain port. HTTP/2, which is gRPC, is passed
on in plaintext to the gRPC door's own port. Whoever offers both, as browsers, curl and Go's HTTP client do, gets
HTTP/1.1; gRPC's clients offer h2 alone. Called by ``app.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from geminid.doors.authority import Certificate, CertificateError
from geminid.doors.listen import BACKLOG, ListenError
from geminid.doors.tunnel import Tunnel

log = logging.getLogger("geminid.tls")

_STARVED_SECONDS: Final = 0.5
"""How long nothing is accepted after the system refused to: it lacks descriptors or memory."""


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """TLS 1.2 and up, ALPN of http/1.1 before h2. Raises CertificateError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1", "h2"])
    load(context, certificate)
    return context


def load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Puts the certificate into use for the handshakes from now on. Raises CertificateError."""
    try:
        context.load_cert_chain(certificate.chain, certificate.key, password=_no_password)
    except ssl.SSLError as error:
        reason = (error.reason or "unreadable").replace("_", " ").lower()
        raise CertificateError(f"{certificate.chain} and {certificate.key}: {reason}.") from error
    except (OSError, ValueError) as error:
        raise CertificateError(f"{certificate.chain} and {certificate.key}: {error}.") from error


def _no_password() -> str:
    """OpenSSL would ask on the terminal."""
    raise ValueError("the key is encrypted; give one that is not")


@dataclass(frozen=True, slots=True)
class TlsLimits:
    """Counts of connections, and times in seconds. HTTP's connections have their own limits.

    Beyond ``handshakes`` that run at once, the oldest gives way to a new one. ``tunnels`` are gRPC's connections.
    """

    handshake_seconds: float = 10
    drain_seconds: float = 30
    handshakes: int = 1_000
    tunnels: int = 1_000

    def within_descriptors(self) -> TlsLimits:
        """As many as the process can have open: HTTP takes half, a handshake needs one, and a tunnel three."""
        if sys.platform == "win32":
            return self
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY:
            return self
        handshakes, tunnels = min(self.handshakes, soft // 8), min(self.tunnels, soft // 16)
        return dataclasses.replace(self, handshakes=handshakes, tunnels=tunnels)


class TlsListener:
    """Serves TLS on ``host`` and ``port``. ``http`` makes the protocol of an HTTP/1.1 connection.

    Without a ``grpc_port`` there is no h2 to choose.
    """

    def __init__(
        self,
        http: Callable[[], asyncio.BaseProtocol],
        grpc_port: int | None,
        *,
        host: str,
        port: int,
        certificate: Certificate,
        limits: TlsLimits | None = None,
    ) -> None:
        self._http = http
        self._grpc_port = grpc_port
        self._host = host
        self._port = port
        self._context = server_context(certificate)
        if grpc_port is None:
            self._context.set_alpn_protocols(["http/1.1"])
        self._limits = (limits or TlsLimits()).within_descriptors()
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._handshakes: dict[asyncio.Task[None], None] = {}  # in the order of their beginning
        self._tunnels: set[Tunnel] = set()

    @property
    def port(self) -> int:
        """The port that was asked for, or the one the system chose for port 0."""
        return self._port

    def reload(self, certificate: Certificate) -> None:
        """New connections get this certificate. Raises CertificateError, and keeps the old one."""
        server_context(certificate)
        load(self._context, certificate)

    async def start(self) -> None:
        """Binds and serves. Raises ListenError when the address cannot be had."""
        try:
            await self._bind()
        except OSError as error:
            self._close_sockets()
            reason = error.strerror or str(error)
            raise ListenError(f"Cannot listen for TLS on port {self._port} of {self._host}: {reason}.") from error
        self._accepting = [asyncio.create_task(self._accept(bound)) for bound in self._sockets]

    async def _bind(self) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            self._host or None, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, _, _, _, address in dict.fromkeys(found):
            # All addresses of a name share the port that the system chose for the first.
            where = (address[0], self._port, *address[2:])
            bound = socket.create_server(cast(tuple[str, int], where), family=family, backlog=BACKLOG)
            bound.setblocking(False)
            self._sockets.append(bound)
            self._port = bound.getsockname()[1]

    async def _accept(self, bound: socket.socket) -> None:
        """Accepts by itself, since a server of asyncio's could not tell how many handshakes run."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(bound)
            except ConnectionError:  # the client was gone before it was accepted
                continue
            except OSError as error:
                log.warning("A connection could not be accepted: %s.", error.strerror)
                await asyncio.sleep(_STARVED_SECONDS)
                continue
            if len(self._handshakes) >= self._limits.handshakes:
                self._give_way()
            task = asyncio.create_task(self._greet(client))
            self._handshakes[task] = None
            task.add_done_callback(self._greeted)
            await asyncio.sleep(0)  # a task that is cancelled before it began would not close its socket

    def _give_way(self) -> None:
        oldest = next(iter(self._handshakes))
        del self._handshakes[oldest]
        oldest.cancel()

    def _greeted(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)

    async def _greet(self, client: socket.socket) -> None:
        """The handshake; ``_Arrival`` goes on from there. What is no TLS is closed without a word."""
        with contextlib.suppress(OSError):  # of which SSLError is one
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Arrival(self._serve),
                client,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
            )

    def _serve(self, transport: asyncio.Transport) -> None:
        protocol: asyncio.BaseProtocol
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            protocol = self._http()
        elif len(self._tunnels) < self._limits.tunnels:
            protocol = self._tunnel()
        else:
            transport.abort()
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)

    def _tunnel(self) -> Tunnel:
        tunnel = Tunnel(cast(int, self._grpc_port))
        self._tunnels.add(tunnel)
        tunnel.closed.add_done_callback(lambda _: self._tunnels.discard(tunnel))
        return tunnel

    async def stop(self) -> None:
        """Stops accepting, and lets gRPC end its connections within the drain. Stopping twice is stopping once.

        HTTP's connections end with the listener that made their protocols.
        """
        for task in [*self._accepting, *self._handshakes]:
            task.cancel()
        await asyncio.gather(*self._accepting, *self._handshakes, return_exceptions=True)
        self._close_sockets()
        closing = [tunnel.closed for tunnel in self._tunnels]
        if closing:
            await asyncio.wait(closing, timeout=self._limits.drain_seconds)
        for tunnel in list(self._tunnels):
            tunnel.abort()

    def _close_sockets(self) -> None:
        for bound in self._sockets:
            bound.close()
        self._sockets.clear()


class _Arrival(asyncio.Protocol):
    """A connection whose handshake is over, for the moment that it takes to choose its protocol."""

    def __init__(self, serve: Callable[[asyncio.Transport], None]) -> None:
        self._serve = serve

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._serve(cast(asyncio.Transport, transport))
