"""What a ``fileUri`` names. Pure; called by ``fetcher.py`` and, for every redirect, by ``http.py``.

URLs are held to a strict form before yarl reads them: parsers disagree about which host a malformed URL names, and
the connection is made by the same yarl that was asked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeAlias
from urllib.parse import unquote

from yarl import URL

from geminid.errors import InvalidArgument
from geminid.media.fetch.refusals import unsupported

LONGEST = 4096
"""Characters. Object names have at most 1024 bytes; signed URLs seldom more than 2000."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of Cloud Storage."""

    bucket: str
    name: str

    def __str__(self) -> str:
        return f"gs://{self.bucket}/{self.name}"


@dataclass(frozen=True, slots=True)
class Page:
    """An http or https URL of the strict form, without its fragment. ``literal`` is its host, if an address."""

    url: URL
    literal: IPv4Address | IPv6Address | None

    def __str__(self) -> str:
        return str(self.url)


@dataclass(frozen=True, slots=True)
class Video:
    """A video of YouTube."""

    id: str

    def __str__(self) -> str:
        return f"https://www.youtube.com/watch?v={self.id}"


@dataclass(frozen=True, slots=True)
class Local:
    """A file of the server; ``path`` is absolute and otherwise unchecked."""

    path: str

    def __str__(self) -> str:
        return f"file://{self.path}"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that a client uploaded to this server, by the address that Google's Files API gives such files."""

    id: str

    def __str__(self) -> str:
        return f"https://{_FILES_HOST}/v1beta/files/{self.id}"


Reference: TypeAlias = Stored | Page | Video | Local | Uploaded

_FILES_HOST = "generativelanguage.googleapis.com"
_FILES_PATH = re.compile(r"/(?:v1|v1beta|v1alpha)/files/([a-z0-9-]{1,40})")

# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_WEB = re.compile(
    rf"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|{_LABEL}(?:\.{_LABEL})*)(?::(?P<port>[0-9]+))?"
    r"(?P<target>[/?][^#]*)?(?:#.*)?",
    re.IGNORECASE | re.ASCII,
)
_STORAGE = "storage.googleapis.com"
_LONGEST_HOST = 253
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)", re.IGNORECASE | re.ASCII)
"""A host that some resolvers take for an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker"""
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_VIDEO_PATH = re.compile(r"/(?:shorts|embed|live)/([^/]*)/?")
_YOUTUBE = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com"})


def read(uri: str) -> Reference:
    """What ``uri`` names. Raises InvalidArgument for every scheme and form that is not served, data: included."""
    if len(uri) > LONGEST or not uri.isprintable():
        raise unsupported(uri)
    match uri.partition("://")[0].lower():
        case "gs":
            return _stored(uri)
        case "file":
            return _local(uri)
        case "http" | "https":
            found = page(uri)
            return _service(uri, found.url) or found
    raise unsupported(uri)


def page(uri: str) -> Page:
    """``uri`` as a URL that may be fetched from, as far as that can be told without asking for addresses."""
    if len(uri) > LONGEST or not uri.isprintable() or not _is_clean(uri):
        raise unsupported(uri, "it has characters that a URL must not have")
    form = _WEB.fullmatch(uri)
    if form is None or len(form["host"]) > _LONGEST_HOST:
        raise unsupported(uri, "it is not of the form https://host/path")
    if form["port"] is not None and not _is_open(form["port"]):
        raise unsupported(uri, "only the ports 80, 443 and from 1024 are fetched from")
    scheme, host, port = form["scheme"].lower(), form["host"].lower(), form["port"]
    literal = _literal(uri, host)
    authority = host if port is None else f"{host}:{port}"
    url = URL(f"{scheme}://{authority}{form['target'] or '/'}", encoded=uri.isascii())
    if not _agree(url, host, literal):
        raise unsupported(uri, "its host can be read in two ways")
    return Page(url, literal)


def stored_at(page: Page) -> Stored | None:
    """The object of Cloud Storage that a plain URL of it names (storage.googleapis.com/BUCKET/OBJECT)."""
    url = page.url
    if url.raw_host != _STORAGE or not url.is_default_port() or url.raw_query_string:
        return None
    try:
        return _stored(f"gs:/{unquote(url.raw_path)}")
    except InvalidArgument:
        return None


def _is_clean(uri: str) -> bool:
    return not any(character in ' \\<>"^`{|}' or character.isspace() for character in uri) and "%00" not in uri


def _is_open(port: str) -> bool:
    return not port.startswith("0") and len(port) <= 5 and (int(port) in (80, 443) or 1024 <= int(port) <= 65535)


def _literal(uri: str, host: str) -> IPv4Address | IPv6Address | None:
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        return IPv4Address(host) if _NUMERIC.fullmatch(host) else None
    except AddressValueError as error:
        raise unsupported(uri, "its host is not an address in its usual form") from error


def _agree(url: URL, host: str, literal: IPv4Address | IPv6Address | None) -> bool:
    """Whether yarl, by which the connection is made, reads the same host."""
    if isinstance(literal, IPv6Address):
        return url.raw_host is not None and IPv6Address(url.raw_host) == literal
    return url.raw_host == host


def _service(uri: str, url: URL) -> Video | Uploaded | None:
    """The video or the uploaded file that ``url`` names; None where it is an ordinary URL."""
    host = url.raw_host or ""
    if host == _FILES_HOST:
        uploaded = _FILES_PATH.fullmatch(url.raw_path)
        if uploaded is None or url.scheme != "https" or not url.is_default_port() or url.raw_query_string:
            raise unsupported(uri)
        return Uploaded(uploaded[1])
    if host == "youtu.be":
        named = [url.raw_path.strip("/")]
    elif host in _YOUTUBE:
        inside = _VIDEO_PATH.fullmatch(url.raw_path)
        named = [inside[1]] if inside else url.query.getall("v", []) if url.raw_path == "/watch" else []
    elif host.endswith((".youtube.com", ".youtu.be")):
        named = []
    else:
        return None
    if len(named) != 1 or not _VIDEO.fullmatch(named[0]) or not url.is_default_port():
        raise unsupported(uri, "it does not name one video of YouTube")
    return Video(named[0])


def _stored(uri: str) -> Stored:
    bucket, _, name = uri[len("gs://") :].partition("/")
    if not _BUCKET.fullmatch(bucket) or not name or len(name.encode()) > 1024:
        raise unsupported(uri, "it is not of the form gs://bucket/object")
    plain = name.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\")
    if "" in name.split("/") or not {".", ".."}.isdisjoint(re.split(r"[/\\]", plain)) or "\\" in name:
        raise unsupported(uri, "its object has a name that is also a path to elsewhere")
    return Stored(bucket, name)


def _local(uri: str) -> Local:
    host, slash, rest = uri[len("file://") :].partition("/")
    path = unquote(slash + rest)
    if host not in ("", "localhost") or not path.startswith("/") or not path.isprintable():
        raise unsupported(uri)
    return Local(path)
