"""A web server on loopback that can misbehave in the ways that real ones do, and somewhere to fetch to."""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from geminid.engines.weights import Licence, Weights

FAR = 60.0


@dataclass
class Body:
    """What a path answers with. ``cuts``: after how many bytes each answer in turn loses its connection."""

    data: bytes = b""
    etag: str = '"v1"'
    modified: str = ""
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    told_length: int | None = None
    tells_length: bool = True
    kind: str = "application/octet-stream"
    login: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    gate: threading.Event | None = None


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]


class Site:
    """Serves ``bodies`` by path, and remembers what was ``asked``."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.bodies: dict[str, Body] = {}
        self.asked: list[Asked] = []
        self.gated = threading.Event()
        site = self

        class Handler(_Handler):
            def do_GET(self) -> None:
                site.answer(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    def url(self, path: str, login: str = "") -> str:
        return f"http://{login}{'@' if login else ''}127.0.0.1:{self.port}{path}"

    def ranges(self) -> list[str | None]:
        return [asked.headers.get("range") for asked in self.asked]

    def close(self) -> None:
        for body in self.bodies.values():
            if body.gate:
                body.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append(Asked(handler.path, headers))
        body = self.bodies.get(handler.path, Body(status=404))
        if body.login and headers.get("authorization") != body.login:
            body = Body(status=401)
        start = _start(body, headers)
        status = body.status if not start else 206 if start < len(body.data) else 416
        handler.send_response(status)
        for name, value in _headers(body, start, status).items():
            handler.send_header(name, value)
        handler.end_headers()
        if status in (200, 206):
            self._send(handler, body, body.data[start:])

    def _send(self, handler: BaseHTTPRequestHandler, body: Body, data: bytes) -> None:
        if body.cuts:
            data = data[: body.cuts.pop(0)]
        half = len(data) // 2
        handler.wfile.write(data[:half])
        if body.gate:
            self.gated.set()
            body.gate.wait(FAR)
        handler.wfile.write(data[half:])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is none of the server's errors."""


def _start(body: Body, headers: dict[str, str]) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    same = headers.get("if-range") in (None, body.etag, body.modified)
    return int(found[1]) if found and body.ranges and same and body.status == 200 else 0


def _headers(body: Body, start: int, status: int) -> dict[str, str]:
    made = {"Content-Type": body.kind, "Connection": "close", **body.headers}
    if body.etag:
        made["ETag"] = body.etag
    if body.modified:
        made["Last-Modified"] = body.modified
    if status == 206:
        made["Content-Range"] = f"bytes {start}-{len(body.data) - 1}/{len(body.data)}"
    if body.tells_length:
        length = len(body.data) - start if status in (200, 206) else 0
        made["Content-Length"] = str(length if body.told_length is None else body.told_length)
    return made


class Heard:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, int | None, int]] = []
        self.notes: list[str] = []
        self.amount = 0

    def start(self, label: str, total: int | None, done: int) -> None:
        self.starts.append((label, total, done))

    def advance(self, amount: int) -> None:
        self.amount += amount

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def cache_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and an environment that names no index, hub or proxy."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL", "HF_ENDPOINT", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GEMINID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def left(cache_root: Path) -> Callable[[], list[str]]:
    """The names of what is in the cache now, locks apart."""

    def names() -> list[str]:
        folder = cache_root / "weights"
        return sorted(path.name for path in folder.glob("*") if not path.name.startswith("."))

    return names


@pytest.fixture
def start_site() -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def start(tls: ssl.SSLContext | None = None) -> Site:
        sites.append(Site(tls))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


@pytest.fixture
def site(start_site: Callable[..., Site]) -> Site:
    return start_site()


@pytest.fixture
def body() -> Callable[..., Body]:
    return Body


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def data() -> bytes:
    """300 kB in which every place is different."""
    return b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(9375))


@pytest.fixture
def pinned(data: bytes) -> Callable[..., Weights]:
    """Weights of ``source`` that are pinned to ``data``, but for what is given."""

    def make(source: str, **given: object) -> Weights:
        pins = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        fixed = {"name": "m", "title": "M", "licence": Licence("MIT"), "context_tokens": 1024}
        return Weights(source=source, **(pins | fixed | given))  # type: ignore[arg-type]

    return make
