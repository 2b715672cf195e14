"""The door for requests that lost their path: ``POST /``, which says what to set in the client.

google-genai sends them in Vertex AI mode when it has a base URL of its own and neither project and location nor an
API key as arguments: it then drops those of the environment and posts every call to the base URL itself
(https://github.com/googleapis/python-genai, ``_api_client.py``).
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from geminid.call import Stream
from geminid.doors import pump
from geminid.doors.replies import Format, UnaryReply
from geminid.errors import InvalidArgument


class BareUrlDoor:
    """An ASGI application that refuses what it is given."""

    def __init__(self, *, request_bytes: int) -> None:
        self._request_bytes = request_bytes

    def matches(self, scope: Scope) -> bool:
        return scope["method"] == "POST" and scope["path"] in ("", "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "HOST:PORT")

        async def begin(_: bytes) -> Stream:
            raise InvalidArgument(
                "The request has no path, so it names neither a model nor a method. google-genai sends it so when "
                "it has a custom base URL without project= and location= as arguments. Pass project= and "
                "location= to genai.Client, or api_key=, or leave the code as it is and set "
                f"GOOGLE_GEMINI_BASE_URL='{scope['scheme']}://{host}/#.googleapis.com'."
            )

        reply = UnaryReply(send, Format.parse(scope["query_string"]), gzips=False)
        await pump.exchange(receive, reply, self._request_bytes, begin)
