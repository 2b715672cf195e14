"""One HTTP/1.1 connection: uvicorn's httptools protocol with the limits and deadlines it lacks.

Not routing and not decoding: a request that passes here goes to the ASGI app, one that cannot be served gets an
error in Google's form. ``doors/listen.py`` makes one instance for each connection.
"""

from __future__ import annotations

import asyncio
import enum
import functools
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Final, TypeAlias, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from geminid.doors import refusals
from geminid.doors.deadlines import Alarm, Due, Inflow, Outflow
from geminid.doors.exchange import Exchange, OldExchange
from geminid.doors.head import check_head, check_size, describe, without_offer
from geminid.doors.limits import Limits
from geminid.doors.refusals import Refusal, Refused

log = logging.getLogger("geminid.http1")

LINGER_SECONDS: Final = 2.0
"""How long a refused client may go on sending. Closing on unread bytes resets the connection, and the reset can
overtake the answer (RFC 9112 section 9.6)."""

FRAMING_BYTES: Final = 16_384
"""Chunk sizes, extensions and trailers may take this much, plus eight bytes for each byte of data."""

App: TypeAlias = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]


class _Phase(enum.Enum):
    """How far the request that is being read has come."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


_IDLE: Final = _Phase.IDLE
_HEAD: Final = _Phase.HEAD
_BODY: Final = _Phase.BODY


class Http1Protocol(HttpToolsProtocol):
    limits: ClassVar[Limits]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.cycle: Exchange = None  # type: ignore[assignment]
        self._app = cast(App, self.app)
        self._running: Exchange | None = None
        self._refusal: Refusal | None = None
        self._draining = False
        self._phase = _IDLE
        self._inflow = Inflow()
        self._body_bytes = self.limits.body_bytes
        self._alarm = Alarm(self.loop, self._due)
        self._rested = 0.0
        self._patience = self.limits.header_seconds
        self._gone: asyncio.Future[None] | None = None

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._outflow = Outflow(transport)
        if len(self.connections) > self.limits.connections:
            self._refusal = refusals.UNAVAILABLE
            transport.write(self._refusal.response)
            transport.close()
            return
        self._rested = self.loop.time()
        self._alarm.arm(self._rested + self._patience)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._alarm.end()
        if self._running is not None:
            self._running.disconnect()
        # Each exchange has this connection, as the alarm had.
        self._running = self.cycle = None  # type: ignore[assignment]
        self.pipeline.clear()
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)

    def gone(self) -> asyncio.Future[None]:
        """Done when the connection is closed."""
        if self._gone is None:
            self._gone = self.loop.create_future()
        return self._gone

    def drain(self) -> None:
        """From now on a response carries ``Connection: close``, and the connection ends with it."""
        self._draining = True
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keeps the transport open (True) for a client that closed its sending side and may still read.

        Such clients get their answer, and ``_probe`` finds those that are gone. HTTP/1.0 has no interim responses
        and TLS no half-closed state, so there FIN means gone.
        """
        last = self.cycle
        if self._running is None or self._phase is not _IDLE or self._refusal is not None:
            return False
        if self.scheme == "https" or isinstance(last, OldExchange):
            return False
        last.keep_alive = False
        self._probe(0.002)
        return True

    def _probe(self, delay: float) -> None:
        """Finds out whether a client that sent FIN still reads.

        A closed peer looks like a half-closed one until it is written to: then it answers with a reset. So filler
        goes out eight times in the first half second, and the socket is asked; later the response itself does it.
        """
        if self._running is None or self.transport.is_closing():
            return
        if self.transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abort()
            return
        if delay < 0.5 and not self._outflow.pending():
            self.transport.write(self._running.filler())
        self.loop.call_later(delay, self._probe, min(2 * delay, 1.0))

    # Reading a request.

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._inflow.arrived(len(data))
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self._refuse(_reason(error.__context__))
        except httptools.HttpParserError:
            self._refuse(refusals.MALFORMED)
        else:
            if self._phase is not _IDLE:
                self._expect_more()

    def _expect_more(self) -> None:
        inflow = self._inflow
        if self._phase is _HEAD and inflow.wire > self.limits.header_bytes:
            self._refuse(refusals.LARGE_HEAD)
        elif self._phase is _BODY and inflow.wire > FRAMING_BYTES + 9 * inflow.body:
            self._refuse(refusals.MALFORMED)
        elif not inflow.since:
            inflow.restart(self.loop.time())
            self._alarm.arm(inflow.since + self.limits.header_seconds)

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= self.limits.pipelined:
            raise Refused(refusals.LONG_QUEUE)
        self.url = b""
        self.headers = []
        self._phase = _HEAD
        self._inflow.begin()

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self.limits.url_bytes:
            raise Refused(refusals.LONG_URL)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        version = self.parser.get_http_version()
        inflow = self._inflow
        if inflow.first + inflow.wire > self.limits.header_bytes:
            check_size(self.headers, self.limits)
        scope = self._scope(version)
        self._body_bytes = self.limits.of_body(scope["path"])
        fields = check_head(self.headers, version, self.limits, self._body_bytes)
        exchange = (Exchange if version == "1.1" else OldExchange)(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=b"expect" in fields and fields[b"expect"].lower() == b"100-continue",
            keep_alive=version == "1.1" and self.parser.should_keep_alive() and not self._draining,
            on_response=self.on_response_complete,
        )
        self.headers = []  # trailers come through on_header too, and must not reach the app's list
        self.cycle = exchange
        self._phase = _BODY
        if self._running is None:
            self._start(exchange)
        else:
            self.pipeline.appendleft((exchange, self.app))

    def _scope(self, version: str) -> Any:
        scope = describe(self.parser.get_method().decode("ascii"), self.url, version, self.headers)
        scope["scheme"] = self.scheme
        scope["client"] = self.client
        scope["server"] = self.server
        return scope

    def _decline(self, rest: bytes) -> None:
        """Reads a request with an offer to upgrade once more without the offer (RFC 9110 section 7.8).

        Java's HttpClient offers h2c with its first request. llhttp takes what follows an offer for another
        protocol, so the body would be lost.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            return self._refuse(refusals.MALFORMED)
        if b"websocket" in dict(self.headers).get(b"upgrade", b"").lower():
            return self._refuse(refusals.WEBSOCKET)
        head = without_offer(method, self.url, self.parser.get_http_version(), self.headers)
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def on_body(self, body: bytes) -> None:
        inflow = self._inflow
        inflow.body += len(body)
        if inflow.body > self._body_bytes:
            raise Refused(refusals.large_body(self._body_bytes))
        exchange = self.cycle
        if exchange.response_complete:
            return
        exchange.body += body
        if len(exchange.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        exchange.message_event.set()

    def on_message_complete(self) -> None:
        if self._phase is not _BODY:  # an offer to upgrade, to be read again
            return
        self._phase = _IDLE
        self.cycle.more_body = False
        self.cycle.message_event.set()
        if self._running is None:
            self._rest()

    # Answering.

    def _start(self, exchange: Exchange) -> None:
        self._running = exchange
        task = self.loop.create_task(self._app(exchange.scope, exchange.receive, exchange.send))
        self.tasks.add(task)
        task.add_done_callback(functools.partial(self._ended, exchange))

    def _ended(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        """Ends the response if its app did not: it raised, or a drain that was over cancelled it."""
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if exchange.disconnected:
            return
        if error is not None:
            log.error("The app failed.", exc_info=error)
        if exchange.response_complete:
            return
        exchange.disconnect()
        if exchange.response_started:
            self._close()
        else:
            self._running = None
            self._refusal = refusals.UNAVAILABLE if task.cancelled() else refusals.FAILED
            self._hang_up(self._refusal)

    def on_response_complete(self) -> None:
        self._running = None
        if self.transport.is_closing():
            self._close()
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start(cast(Exchange, self.pipeline.pop()[0]))
        elif self._refusal is not None:
            self._hang_up(self._refusal)
        elif self._phase is _IDLE:
            self._rest()

    def _rest(self) -> None:
        """Waits for the next request, and lets go of the last one."""
        self.cycle = None  # type: ignore[assignment]
        self._patience = self.limits.keep_alive_seconds
        self._rested = self.loop.time()
        self._alarm.arm(self._rested + self._patience)

    def _refuse(self, refusal: Refusal) -> None:
        """Answers the request being read, after those before it; what else the client sends is dropped.

        A request whose response has begun gets no second one: its connection is closed.
        """
        self._refusal = refusal
        exchange = self.cycle if self._phase is _BODY else None
        if exchange is not None:
            if exchange.response_started:
                self._close()
                return
            exchange.disconnect()
            if exchange is self._running:
                self._running = None
            else:
                self.pipeline.popleft()
        if self._running is None:
            self._hang_up(refusal)

    def _hang_up(self, refusal: Refusal) -> None:
        if self.transport.is_closing():
            return
        log.debug("%s is refused: %s", self.client, refusal.message)
        self.flow.resume_reading()
        self.transport.write(refusal.response)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._rested = self.loop.time()
        self._alarm.arm(self._rested + LINGER_SECONDS)

    def _close(self) -> None:
        """Ends the connection once the client has taken what was written, or takes no more of it."""
        self.transport.close()
        if self._outflow.pending():
            self._watch_outflow()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_outflow()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._outflow.moved()

    def _watch_outflow(self) -> None:
        self._alarm.arm(self._outflow.stuck_since(self.loop.time()) + self.limits.write_seconds)

    # Deadlines.

    def _due(self) -> Due | None:
        now = self.loop.time()
        # Below the high-water mark a running app goes on writing, and so it cannot be seen who stalls.
        if self._outflow.pending() and (self._running is None or self.flow.write_paused):
            return self._outflow.stuck_since(now) + self.limits.write_seconds, self.transport.abort
        if self.transport.is_closing():
            return None
        if self._refusal is not None:
            return None if self._running else (self._rested + LINGER_SECONDS, self.transport.abort)
        too_slow = functools.partial(self._refuse, refusals.TOO_SLOW)
        match self._phase:
            case _Phase.HEAD:
                return self._inflow.since + self.limits.header_seconds, too_slow
            case _Phase.BODY:
                return self._body_due(now), too_slow
            case _Phase.IDLE:
                return None if self._running else (self._rested + self._patience, self._close)

    def _body_due(self, now: float) -> float:
        """The rate is judged while the client can send: not while reading is paused, not before 100 Continue."""
        seconds = self.limits.body_seconds
        held = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if held or self._inflow.brought() >= self.limits.body_rate * seconds:
            self._inflow.restart(now)
        return self._inflow.since + seconds


def _reason(error: BaseException | None) -> Refusal:
    """Why a callback of the parser gave up."""
    if isinstance(error, Refused):
        return error.refusal
    log.error("A request could not be read.", exc_info=error)
    return refusals.FAILED


def protocol(limits: Limits) -> type[Http1Protocol]:
    """The protocol class for these limits, as ``uvicorn.Config(http=...)`` takes it."""
    return type("Http1Protocol", (Http1Protocol,), {"limits": limits})
