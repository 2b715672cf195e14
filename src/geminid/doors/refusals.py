"""What an HTTP client is told when its request never reaches the app, in the form of Google's front end.

Values only; ``doors/http1.py`` sends them. The errors of the API itself are in ``errors.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Final

from geminid import errors
from geminid.errors import Code


@dataclass(frozen=True)
class Refusal:
    """One answer. ``status`` may be an HTTP status that no google.rpc code maps to."""

    message: str
    status: int = 400
    code: Code = Code.INVALID_ARGUMENT

    @cached_property
    def response(self) -> bytes:
        """The whole response; it ends the connection."""
        error = {"code": self.status, "message": self.message, "status": self.code.name}
        body = json.dumps({"error": error}, indent=2) + "\n"
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            "content-type: application/json; charset=UTF-8\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        return (head + body).encode("ascii")


class Refused(Exception):
    """Raised while a request is read, to end it with ``refusal``."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


# The first three sentences are those of Google's own front end.
MALFORMED: Final = Refusal("Your client has issued a malformed or illegal request.")
TOO_SLOW: Final = Refusal("Your client has taken too long to issue its request.", 408, Code.DEADLINE_EXCEEDED)
LONG_URL: Final = Refusal("The requested URL is too large to process.", 414)
LARGE_HEAD: Final = Refusal("The request headers are too large.", 431)
WEBSOCKET: Final = Refusal("WebSocket connections are not supported.")
LONG_QUEUE: Final = Refusal("Too many requests are waiting on this connection.")
UNAVAILABLE: Final = Refusal("The service is currently unavailable.", 503, Code.UNAVAILABLE)
FAILED: Final = Refusal(errors.INTERNAL, 500, Code.INTERNAL)


def large_body(limit: int) -> Refusal:
    """Vertex AI's answer to a body of more than ``limit`` bytes: 400, not 413."""
    return Refusal(f"Request payload size exceeds the limit: {limit} bytes.")
