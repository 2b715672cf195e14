"""One page or file from the web, for ``geminid citations add URL``: the operator's own errand, never a client's.

The standard library does the talking and honours HTTPS_PROXY and SSL_CERT_FILE.
"""

from __future__ import annotations

import http.client
import ipaddress
import time
import urllib.error
import urllib.request
from email.message import Message
from typing import IO, Final, NamedTuple
from urllib.parse import urlsplit

from geminid import __version__
from geminid.citations.base import CitationsError

MOST_BYTES: Final = 64 * 1024**2
"""Of one page. What is larger is a corpus: fetch it, and add the file."""

PATIENCE: Final = 30.0
"""Seconds to connect, and between two pieces."""

_WHOLE: Final = 300.0
"""Seconds for all of it."""

_TEXTS: Final = ("application/json", "application/xml", "application/xhtml+xml", "application/javascript")


class Page(NamedTuple):
    """``kind`` is the media type, without parameters."""

    data: bytes
    kind: str


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, http.client.HTTPMessage(), newurl)


def fetched(url: str) -> Page:
    """Raises CitationsError, naming the URL."""
    _require_safe(url)
    headers = {"User-Agent": f"geminid/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.build_opener(_Redirects).open(request, timeout=PATIENCE) as response:
            kind = response.headers.get_content_type()
            if not kind.startswith("text/") and kind not in _TEXTS:
                raise CitationsError(f"{url} is {kind}, not text.")
            charset = response.headers.get_content_charset("utf-8")
            if charset not in ("utf-8", "us-ascii"):
                raise CitationsError(f"{url} is in {charset}, not UTF-8: save it as UTF-8, and add the file.")
            return Page(_body(response, url), kind)
    except urllib.error.HTTPError as error:
        error.close()
        raise CitationsError(f"{url}: the server answered {error.code}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise CitationsError(f"{url} cannot be fetched: {error}.") from error


def _body(response: http.client.HTTPResponse, url: str) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + _WHOLE
    while piece := response.read1(1 << 16):
        data += piece
        if len(data) > MOST_BYTES:
            raise CitationsError(f"{url} has more than {MOST_BYTES // 1024**2} MB: fetch it, and add the file.")
        if time.monotonic() > deadline:
            raise CitationsError(f"{url} took more than {_WHOLE:.0f} seconds.")
    return bytes(data)


def _require_safe(url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or not host or (parts.scheme == "http" and not _is_here(host)):
        raise CitationsError(f"{url} is not fetched: only https is, and http from this machine.")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
