"""One HTTP GET, with what may go wrong put into words.

The standard library does the talking: it honours HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR. Added
here: credentials in the address, which go to that host alone; https only, but for this machine; bounded patience.
Called by ``download.py`` and ``index.py``.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from geminid import __version__
from geminid.engines.weights.pins import WeightsError
from geminid.engines.weights.sources import shown

# Seconds to connect, and between two pieces of a body.
_PATIENCE = 30.0


class Refused(WeightsError):
    """The server answered, but not with the file. ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def get(url: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
    """Starts to receive ``url``, which holds no credentials (see ``credentials``). The caller closes the response.

    Raises Refused for a status that is not a success, WeightsError when nothing answers.
    """
    _require_safe(url)
    # An encoded body would have another length and hash than the file.
    own = {"User-Agent": f"geminid/{__version__}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers={**own, **headers})
    opener = urllib.request.build_opener(_Redirects)
    try:
        return cast(http.client.HTTPResponse, opener.open(request, timeout=_PATIENCE))
    except urllib.error.HTTPError as error:
        error.close()
        raise Refused(_refusal(url, error.code), error.code) from error
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(_silence(url, error)) from error


def credentials(url: str) -> tuple[str, dict[str, str]]:
    """``url`` without its user and password, and the header that carries them instead."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if not user:
        return url, {}
    name, _, password = user.partition(":")
    pair = f"{unquote(name)}:{unquote(password)}".encode()
    bare = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
    return bare, {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def same_origin(one: str, other: str) -> bool:
    return _origin(urlsplit(one)) == _origin(urlsplit(other))


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to safe addresses; credentials stay with the host that they were meant for."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_safe(newurl)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None and not same_origin(req.full_url, newurl):
            following.remove_header("Authorization")
        return following


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _require_safe(url: str) -> None:
    try:
        scheme, host, _ = _origin(urlsplit(url))
    except ValueError as error:
        raise WeightsError(f"{shown(url)} is not an address.") from error
    if scheme == "https" or (scheme == "http" and _is_loopback(host or "")):
        return
    raise WeightsError(f"{shown(url)} is not an https address; plain http is used for this machine only.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusal(url: str, status: int) -> str:
    match status:
        case 401 | 403:
            return f"{shown(url)} may not be read ({status})."
        case 404 | 410:
            return f"{shown(url)} does not exist ({status})."
        case 407:
            return "The proxy wants a user and a password (407). Put them into HTTPS_PROXY."
        case _:
            return f"{shown(url)} cannot be had now: the server answered {status}. Try again later."


def _silence(url: str, error: OSError | http.client.HTTPException) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    match reason:
        case ssl.SSLCertVerificationError():
            why = "its certificate is not trusted (SSL_CERT_FILE may name a file with your network's own CA)"
        case TimeoutError():
            why = f"no answer within {_PATIENCE:.0f} seconds"
        case OSError(strerror=str(text)):
            why = text
        case OSError() | str():
            why = str(reason) or type(reason).__name__
        case _:
            # Of a malformed address or answer: its text may quote either.
            why = type(reason).__name__
    return f"{shown(url)} cannot be reached: {why}. Check the network, or set HTTPS_PROXY if there is a proxy."
