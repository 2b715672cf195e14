"""The head of an HTTP/1.1 request: what is wrong with it, and what the ASGI app is told of it.

Pure functions over what llhttp has parsed; ``doors/http1.py`` calls them between its callbacks.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import httptools

from geminid.doors.limits import Limits
from geminid.doors.refusals import LARGE_HEAD, MALFORMED, Refused, large_body

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""In the order of the request, names in lower case."""

_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}


def check_head(headers: Headers, version: str, limits: Limits, body_bytes: int) -> dict[bytes, bytes]:
    """The headers as a mapping. Raises ``Refused`` for a head that llhttp lets pass and RFC 9112 does not.

    A body may have ``body_bytes``.

    llhttp refuses by itself: conflicting, repeated and malformed Content-Length, Content-Length beside
    Transfer-Encoding, folded lines, bare CR and LF, control characters, a space before the colon.
    """
    if len(headers) > limits.header_count:
        raise Refused(LARGE_HEAD)
    fields = dict(headers)
    coding = fields.get(b"transfer-encoding")
    if version == "1.1":
        if b"host" not in fields or (len(fields) < len(headers) and _count(headers, b"host") > 1):
            raise Refused(MALFORMED)  # section 3.2
    elif version != "1.0" or coding is not None:
        raise Refused(MALFORMED)  # section 6.1: chunks in HTTP/1.0 mean faulty framing
    if coding is not None and coding.lower() != b"chunked":
        raise Refused(MALFORMED)  # "gzip, chunked" is framed well, but nothing here would unzip it
    length = fields.get(b"content-length")
    if length is not None and int(length) > body_bytes:
        raise Refused(large_body(body_bytes))
    return fields


def _count(headers: Headers, name: bytes) -> int:
    return sum(header[0] == name for header in headers)


def check_size(headers: Headers, limits: Limits) -> None:
    """Raises ``Refused`` for headers whose names and values exceed ``header_bytes``."""
    if sum(len(name) + len(value) for name, value in headers) > limits.header_bytes:
        raise Refused(LARGE_HEAD)


def describe(method: str, url: bytes, version: str, headers: Headers) -> dict[str, Any]:
    """The ASGI scope, without what is known of the connection. Raises ``Refused`` for a URL that is none."""
    try:
        parsed = httptools.parse_url(url)
        raw_path = parsed.path or b"/"
        path = raw_path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError) as error:
        raise Refused(MALFORMED) from error
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": version,
        "method": method,
        "path": urllib.parse.unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": parsed.query or b"",
        "root_path": "",
        "headers": headers,
    }


def without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """The head as it would have come without its ``Upgrade`` header."""
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    lines += [name + b": " + value for name, value in headers if name != b"upgrade"]
    return b"\r\n".join(lines) + b"\r\n\r\n"
