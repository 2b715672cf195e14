"""One HTTP request and its response, as the ASGI app sees them: uvicorn's cycle, corrected where it falls short.

Not the connection, which is ``doors/http1.py``; that makes one of these for each request.
"""

from __future__ import annotations

from typing import Final

from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Exchange(RequestResponseCycle):
    def disconnect(self) -> None:
        """Tells the app that the client is gone; what it still sends is dropped."""
        self.disconnected = True
        self.waiting_for_100_continue = False
        self.message_event.set()

    def filler(self) -> bytes:
        """Bytes that mean nothing to the client at this point of the response, or none where there are no such.

        Before the response an interim one (RFC 9110 section 15.2), between two chunks a leading zero of the next
        chunk's size (RFC 9112 section 7.1).
        """
        if not self.response_started:
            return CONTINUE
        return b"0" if self.chunked_encoding else b""


class OldExchange(Exchange):
    """HTTP/1.0 knows no chunks: the end of the connection ends the body (RFC 9112 section 6.3)."""

    async def send(self, message: Message) -> None:  # type: ignore[override]
        self.chunked_encoding = False
        self.expected_content_length = len(message.get("body", b""))
        await super().send(message)  # type: ignore[arg-type]
