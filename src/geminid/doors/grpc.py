"""The gRPC door: the methods of ``wire/routes.py`` over google.cloud.aiplatform.v1 and v1beta1.

One behaviour serves every method: bytes to message, call, messages to bytes. Requests are decoded here and not by
grpc, which would answer garbage with UNKNOWN and the name of a Python class. A call that is cancelled or past its
deadline closes the stream, and so stops the engine.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from geminid.call import Call, Handler
from geminid.doors import presented
from geminid.doors.listen import CUT_SECONDS, Drain, ListenError
from geminid.doors.reflection import reflected_pool
from geminid.doors.shared_port import Accepting, SharedPort
from geminid.doors.status import trailers
from geminid.doors.tunnel import Tunnel, dismiss
from geminid.errors import INTERNAL, ApiError, Internal
from geminid.wire.binding import resource_of
from geminid.wire.proto import ProtoCodec
from geminid.wire.routes import Method

log = logging.getLogger("geminid.grpc")

VERSIONS = ("v1", "v1beta1")


class GrpcDoor:
    """A gRPC server on a port of its own, in plaintext; ``doors/tls.py`` puts TLS before it.

    grpc binds by itself and takes no connection from elsewhere, so one with a ``shared`` port listens on the Unix
    socket ``behind`` it, and tunnels lead there. ``request_bytes`` bounds one message; 32 MiB holds the 20 MB of
    inline media that Google documents.
    """

    def __init__(
        self,
        handlers: Mapping[Method, Handler],
        *,
        host: str,
        port: int,
        drain_seconds: float,
        request_bytes: int = 32 * 1024 * 1024,
        shared: SharedPort | None = None,
        behind: str = "",
    ) -> None:
        self._methods = _Methods(handlers)
        self._host = host
        self._port = port
        self._drain_seconds = drain_seconds
        self._options = [
            ("grpc.max_receive_message_length", request_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),
            # Without these a client that resets its streams at once keeps all others waiting.
            ("grpc.http.overload_protection", 1),
            ("grpc.max_concurrent_streams", 1024),
        ]
        self._server: grpc.aio.Server | None = None
        self._health = health.aio.HealthServicer()
        self._behind = behind
        self._tunnels: set[Tunnel] = set()
        self._accepting: Accepting | None = None
        if shared:
            self._accepting = Accepting(shared.sockets, self._tunnel, lambda: len(self._tunnels), shared.share)
            self._port = shared.port

    @property
    def port(self) -> int:
        """The port that was asked for, or the one the system chose for port 0."""
        return self._port

    @property
    def inward(self) -> int | str:
        """Where this process reaches its own server: a port, or the path of a socket."""
        return self._behind or self._port

    async def start(self) -> None:
        """Binds and serves. Raises ``ListenError`` when the address cannot be had."""
        server = grpc.aio.server(options=self._options)
        server.add_generic_rpc_handlers((self._methods,))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        services = [*self._methods.services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(services, server, pool=reflected_pool(*VERSIONS))
        self._bind(server)
        await server.start()
        for service in ("", *self._methods.services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        self._server = server
        if self._accepting is not None:
            self._accepting.start()

    def _bind(self, server: grpc.aio.Server) -> None:
        if self._behind:
            server.add_insecure_port(f"unix:{self._behind}")
            return
        host = f"[{self._host}]" if ":" in self._host else self._host
        try:
            self._port = server.add_insecure_port(f"{host}:{self._port}")
        except RuntimeError as error:
            raise ListenError(
                f"gRPC cannot listen on {host}:{self._port}: another program may hold the port. Give --grpc-port, "
                "0 takes a free one."
            ) from error

    def _tunnel(self) -> Tunnel:
        tunnel = Tunnel(self._behind)
        self._tunnels.add(tunnel)
        tunnel.gone().add_done_callback(lambda _: self._left(tunnel))
        return tunnel

    def _left(self, tunnel: Tunnel) -> None:
        self._tunnels.discard(tunnel)
        if self._accepting is not None:
            self._accepting.tell()

    async def close(self, drain: Drain) -> None:
        """Accepts no more where the port is shared, and has clients go elsewhere before calls are refused.

        grpc's own server refuses, from the moment that it stops, also the calls of clients that do not know yet.
        """
        if self._accepting is not None:
            await self._accepting.stop()
            await dismiss(self._tunnels, drain.idle)

    async def stop(self, drain: Drain | None = None) -> None:
        """Takes no new calls, lets running ones finish within the drain, then cancels them."""
        if self._server is not None:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(drain.seconds if drain else self._drain_seconds)
            self._server = None
        if self._tunnels:
            await asyncio.wait([tunnel.gone() for tunnel in self._tunnels], timeout=CUT_SECONDS)


class _Methods(grpc.GenericRpcHandler):
    """Finds the behaviour of a path: ``/google.cloud.aiplatform.v1.PredictionService/GenerateContent``."""

    def __init__(self, handlers: Mapping[Method, Handler]) -> None:
        behaviours = list(_behaviours(handlers))
        self.services = sorted({behaviour.service for behaviour in behaviours})
        self._by_path = {behaviour.path: behaviour.handler() for behaviour in behaviours}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        return self._by_path.get(handler_call_details.method)


def _behaviours(handlers: Mapping[Method, Handler]) -> Iterator[_Behaviour]:
    for version in VERSIONS:
        codec = ProtoCodec(version)
        for method, handler in handlers.items():
            yield _Behaviour(method, handler, version, codec)


class _Behaviour:
    """One method of one version."""

    def __init__(self, method: Method, handler: Handler, version: str, codec: ProtoCodec) -> None:
        self._method = method
        self._handler = handler
        self._codec = codec
        self._name = method.full_name(version)
        self.service = method.service_name(version)
        self.path = f"/{self.service}/{method.name}"

    def handler(self) -> grpc.RpcMethodHandler[Any, Any]:
        if self._method.streams:
            return grpc.unary_stream_rpc_method_handler(self._stream)
        return grpc.unary_unary_rpc_method_handler(self._unary)

    async def _unary(self, data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        answers = [answer async for answer in self._stream(data, context)]
        return answers[0] if answers else b""  # none of an aborted call, where grpc looks no further

    async def _stream(
        self, data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._handler(self._call(data, context))) as stream:
                async for message in stream:
                    yield self._codec.encode(message)
        except ApiError as error:
            await _abort(context, error)
        except Exception:
            log.exception("%s failed", self._name)
            await _abort(context, Internal(INTERNAL))

    def _call(self, data: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> Call:
        request = self._codec.decode(self._method.request, data)
        now = time.monotonic()
        remaining = context.time_remaining()
        metadata = [(key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str)]
        return Call(
            method=self._name,
            request=request,
            received=dt.datetime.now(dt.UTC),
            door="grpc",
            resource=resource_of(self._method, request),
            credentials=presented.of_fields(metadata),
            deadline=None if remaining is None else now + remaining,
            started=now,
        )


async def _abort(context: grpc.aio.ServicerContext[bytes, bytes], error: ApiError) -> None:
    """Ends the call. What grpc raises for that it keeps with the call, and raises again when the method returns.

    So it must not have the traceback, which has the call: a cycle of references.
    """
    code = next(code for code in grpc.StatusCode if code.value[0] == error.code)
    try:
        await context.abort(code, error.message, trailing_metadata=trailers(error))
    except grpc.aio.AbortError as aborted:
        aborted.__traceback__ = aborted.__context__ = None
