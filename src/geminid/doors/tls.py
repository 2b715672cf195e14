"""One TLS port for HTTP and gRPC: what a client offers by ALPN decides.

HTTP/1.1 is served in this process, by the same protocol as on the plain port. HTTP/2, which is gRPC, is passed
on in plaintext to the gRPC door's own port. Whoever offers both, as browsers, curl and Go's HTTP client do, gets
HTTP/1.1; gRPC's clients offer h2 alone. Called by ``app.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from geminid.doors.authority import Certificate, CertificateError
from geminid.doors.http1 import Http1Protocol
from geminid.doors.listen import Drain, ListenError
from geminid.doors.shared_port import TOGETHER, SharedPort, accepted, bind
from geminid.doors.tunnel import Tunnel, dismiss


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

    Without a ``grpc_port`` (or the path of a Unix socket) there is no h2 to choose. The port may be ``shared``.
    """

    def __init__(
        self,
        http: Callable[[], Http1Protocol],
        grpc_port: int | str | None,
        *,
        host: str,
        port: int,
        certificate: Certificate,
        limits: TlsLimits | None = None,
        shared: SharedPort | None = None,
    ) -> None:
        self._http = http
        self._grpc_port = grpc_port
        self._shared = shared
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
        self._served = 0

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
            self._sockets = list(self._shared.sockets) if self._shared else bind(self._host, self._port)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenError(f"Cannot listen for TLS on port {self._port} of {self._host}: {reason}.") from error
        self._port = self._sockets[0].getsockname()[1]
        self._tell()
        self._accepting = [asyncio.create_task(self._accept(bound)) for bound in self._sockets]

    async def _accept(self, bound: socket.socket) -> None:
        """Accepts by itself, since a server of asyncio's could not tell how many handshakes run."""
        share = self._shared.share if self._shared else None
        most = 1 if share else min(TOGETHER, self._limits.handshakes)
        while True:
            for client in await accepted(bound, share, most):
                if len(self._handshakes) >= self._limits.handshakes:
                    self._give_way()
                task = asyncio.create_task(self._greet(client))
                self._handshakes[task] = None
                task.add_done_callback(self._greeted)
            self._tell()
            await asyncio.sleep(0)  # a task that is cancelled before it began would not close its socket

    def _give_way(self) -> None:
        oldest = next(iter(self._handshakes))
        del self._handshakes[oldest]
        oldest.cancel()

    def _greeted(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)
        self._tell()

    async def _greet(self, client: socket.socket) -> None:
        """The handshake; ``_Arrival`` goes on from there. What is no TLS is closed without a word."""
        with contextlib.suppress(OSError):  # of which SSLError is one
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: _Arrival(self._serve),
                client,
                ssl=self._context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
            )

    def _serve(self, transport: asyncio.Transport) -> None:
        protocol: Http1Protocol | Tunnel
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            protocol = self._http()
        elif len(self._tunnels) < self._limits.tunnels:
            protocol = self._tunnel()
        else:
            transport.abort()
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        self._served += 1
        protocol.gone().add_done_callback(self._ended)

    def _ended(self, _: asyncio.Future[None]) -> None:
        self._served -= 1
        self._tell()

    def _tell(self) -> None:
        if self._shared is not None and self._sockets:
            self._shared.share.tell(len(self._handshakes) + self._served)

    def _tunnel(self) -> Tunnel:
        tunnel = Tunnel(cast(int | str, self._grpc_port))
        self._tunnels.add(tunnel)
        tunnel.gone().add_done_callback(lambda _: self._tunnels.discard(tunnel))
        return tunnel

    async def close(self, drain: Drain) -> None:
        """Accepts no more, and lets handshakes end for as long as an idle connection is kept."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for bound in self._sockets:
            bound.close()
        self._sockets.clear()
        if self._shared is not None:
            self._shared.share.leave()
        if self._handshakes:
            await asyncio.wait(list(self._handshakes), timeout=drain.idle)
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    async def dismiss(self, drain: Drain) -> None:
        """Has gRPC's clients go elsewhere."""
        await dismiss(self._tunnels, drain.idle)

    async def stop(self, drain: Drain | None = None) -> None:
        """Stops accepting, and lets gRPC end its connections within the drain. Stopping twice is stopping once.

        HTTP's connections end with the listener that made their protocols.
        """
        drain = drain or Drain(self._limits.drain_seconds)
        await self.close(drain)
        closing = [tunnel.gone() for tunnel in self._tunnels]
        if closing:
            await asyncio.wait(closing, timeout=drain.seconds)
        for tunnel in list(self._tunnels):
            tunnel.abort()


class _Arrival(asyncio.Protocol):
    """A connection whose handshake is over, for the moment that it takes to choose its protocol."""

    def __init__(self, serve: Callable[[asyncio.Transport], None]) -> None:
        self._serve = serve

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._serve(cast(asyncio.Transport, transport))
