"""Pages from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from geminid.citations import reading
from geminid.citations.base import CitationsError, Progress
from geminid.citations.fetching import MOST_BYTES, fetched


class _Site(BaseHTTPRequestHandler):
    pages = {
        "/page": ("text/html; charset=utf-8", "<title>A page</title><p>Une élégie".encode()),
        "/notes.txt": ("text/plain", b"\xef\xbb\xbfnotes"),
        "/latin": ("text/plain; charset=iso-8859-1", b"caf\xe9"),
        "/broken": ("text/plain", b"caf\xe9"),
        "/picture": ("image/png", b"\x89PNG"),
        "/large": ("text/plain", b"x" * (MOST_BYTES + 1)),
    }
    moved = {"/moved": "/notes.txt", "/away": "http://192.0.2.1/", "/file": "file:///etc/hostname"}

    def do_GET(self) -> None:
        if self.path in self.moved:
            self.send_response(302)
            self.send_header("Location", self.moved[self.path])
            self.end_headers()
        elif self.path in self.pages:
            kind, data = self.pages[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_a_page_is_fetched(site: str) -> None:
    assert fetched(f"{site}/moved") == (b"\xef\xbb\xbfnotes", "text/plain")


@pytest.mark.parametrize(
    ("path", "title", "words"), [("/page", "A page", "Une élégie"), ("/moved", "moved", "notes")]
)
def test_a_page_is_a_text(site: str, heard: Progress, path: str, title: str, words: str) -> None:
    [text] = reading.texts(site + path, heard)

    assert (text.title, "".join(text.pieces).strip()) == (title, words)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nowhere", "answered 404"),
        ("/latin", "is in iso-8859-1, not UTF-8"),
        ("/broken", "is not UTF-8: byte 3 is not"),
        ("/picture", "is image/png, not text"),
        ("/large", "has more than 64 MB"),
        ("/away", "only https is"),
        ("/file", "only https is|cannot be fetched|answered 302"),
    ],
)
def test_what_is_no_page_is_refused(site: str, heard: Progress, path: str, said: str) -> None:
    with pytest.raises(CitationsError, match=said):
        list(reading.texts(site + path, heard))


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://example.com/", "file:///etc/hostname", "https://", "x://y"]
)
def test_only_https_is_fetched(url: str) -> None:
    with pytest.raises(CitationsError, match="only https is"):
        fetched(url)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(CitationsError, match=r"127\.0\.0\.1:9/x cannot be fetched"):
        fetched("http://127.0.0.1:9/x")
