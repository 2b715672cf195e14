"""What one HTTP client may take, and the checks of a request's head.

Pure: no I/O and no clock. ``doors/http1.py`` applies it to a connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from geminid.doors.refusals import LARGE_HEAD, MALFORMED, Refused, large_body


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    ``header_seconds`` runs from the first byte of a request, and for the first one from the accept. A body must
    bring ``body_rate`` bytes a second on the average of every ``body_seconds``. ``write_seconds`` is how long a
    client may read nothing while bytes wait for it. ``pipelined`` requests may wait behind the one being answered.
    20 MiB is Vertex AI's own limit of a request, and 8 KiB what common proxies take as a URL.
    """

    url_bytes: int = 8_192
    header_bytes: int = 65_536
    header_count: int = 100
    header_seconds: float = 10
    body_bytes: int = 20_971_520
    body_rate: int = 1_024
    body_seconds: float = 20
    keep_alive_seconds: float = 75
    write_seconds: float = 30
    pipelined: int = 100
    connections: int = 10_000


def check_head(headers: Sequence[tuple[bytes, bytes]], version: str, limits: Limits) -> dict[bytes, bytes]:
    """The headers as a mapping. Raises ``Refused`` for a head that llhttp lets pass and RFC 9112 does not.

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
    if length is not None and int(length) > limits.body_bytes:
        raise Refused(large_body(limits.body_bytes))
    return fields


def _count(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> int:
    return sum(header[0] == name for header in headers)


def check_size(headers: Sequence[tuple[bytes, bytes]], limits: Limits) -> None:
    """Raises ``Refused`` for headers whose names and values exceed ``header_bytes``."""
    if sum(len(name) + len(value) for name, value in headers) > limits.header_bytes:
        raise Refused(LARGE_HEAD)
