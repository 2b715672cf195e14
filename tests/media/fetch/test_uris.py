"""What a URI names, and which name nothing that is served."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.errors import InvalidArgument
from geminid.media.fetch import uris
from geminid.media.fetch.uris import Local, Page, Stored, Uploaded, Video

ID = "dQw4w9WgXcQ"


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        (
            "gs://cloud-samples-data/generative-ai/image/scones.jpg",
            Stored("cloud-samples-data", "generative-ai/image/scones.jpg"),
        ),
        ("gs://bucket/a b/ü%20#1?.txt", Stored("bucket", "a b/ü%20#1?.txt")),
        ("gs://bucket/..hidden/a..b", Stored("bucket", "..hidden/a..b")),
        ("file:///srv/a%20b.png", Local("/srv/a b.png")),
        ("file://localhost/srv/a.png", Local("/srv/a.png")),
        (f"https://www.youtube.com/watch?v={ID}", Video(ID)),
        (f"https://www.youtube.com/watch?list=PL1&v={ID}&t=4s", Video(ID)),
        (f"https://youtu.be/{ID}?si=abc", Video(ID)),
        (f"https://m.youtube.com/shorts/{ID}", Video(ID)),
        (f"https://www.youtube.com/embed/{ID}", Video(ID)),
        ("https://generativelanguage.googleapis.com/v1beta/files/abc-123", Uploaded("abc-123")),
        ("https://generativelanguage.googleapis.com/v1/files/abc", Uploaded("abc")),
    ],
)
def test_what_a_uri_names(uri: str, named: uris.Reference) -> None:
    assert uris.read(uri) == named


@pytest.mark.parametrize(
    ("uri", "asked"),
    [
        ("https://files.test/a.png", "https://files.test/a.png"),
        ("HTTPS://Files.TEST", "https://files.test/"),
        ("http://files.test:8080/a%2Fb?sig=%3D%20+&x#part", "http://files.test:8080/a%2Fb?sig=%3D%20+&x"),
        ("http://8.8.8.8/a", "http://8.8.8.8/a"),
        ("http://[2606:4700:4700::1111]/a", "http://[2606:4700:4700::1111]/a"),
        ("https://files.test/é.png", "https://files.test/%C3%A9.png"),
        ("https://youtube.com.evil.test/watch?v=" + ID, "https://youtube.com.evil.test/watch?v=" + ID),
    ],
)
def test_urls_are_asked_for_as_they_are_written(uri: str, asked: str) -> None:
    named = uris.read(uri)

    assert isinstance(named, Page)
    assert str(named) == asked


@pytest.mark.parametrize(
    "uri",
    [
        "https://www.youtube.com/",
        "https://www.youtube.com/watch",
        "https://www.youtube.com/watch?v=",
        f"https://www.youtube.com/watch?v={ID}&v={ID}",
        f"https://www.youtube.com/watch?v={ID[:10]}",
        f"https://www.youtube.com/watch?v={ID}x",
        f"https://www.youtube.com/watch?v={ID[:10]}%00",
        f"https://www.youtube.com:8443/watch?v={ID}",
        "https://www.youtube.com/playlist?list=PL1234567890A",
        "https://www.youtube.com/@somebody/live",
        f"https://music.youtube.com/watch?v={ID}",
        f"https://youtu.be/a/{ID}",
        "https://youtu.be/",
        f"https://www.youtube.com@127.0.0.1/watch?v={ID}",
    ],
)
def test_what_is_not_one_video_of_youtube_is_refused(uri: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^Unsupported file uri: "):
        uris.read(uri)


@pytest.mark.parametrize("tail", ["/v1beta/files/", "/v1beta/files/a/b", "/v1beta/files/A", "/v1beta/models/a"])
def test_what_is_no_uploaded_file_is_refused(tail: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^Unsupported file uri: "):
        uris.read(f"https://generativelanguage.googleapis.com{tail}")


@pytest.mark.parametrize("port", ["0", "080", "22", "25", "1023", "65536", "99999999999", "", "80a", "-1"])
def test_ports_of_other_services_are_refused(port: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^Unsupported file uri: "):
        uris.read(f"http://files.test:{port}/a")


def test_a_message_shows_a_long_or_unprintable_uri_in_part() -> None:
    with pytest.raises(InvalidArgument) as long:
        uris.read("x" * 1_000_000)
    with pytest.raises(InvalidArgument) as control:
        uris.read("http://a\r\nSet-Cookie: b\ud800")

    assert len(long.value.message) < 400
    assert control.value.message == "Unsupported file uri: http://a\\r\\nSet-Cookie: b\\ud800"


_PIECES = [
    "http",
    "https",
    ":",
    "/",
    "//",
    "\\",
    "@",
    "#",
    "?",
    "[",
    "]",
    ".",
    "%",
    "%2e",
    "%40",
    "127.0.0.1",
    "::1",
    "0",
]
_PIECES += ["good.test", "evil.test", "80", "8080", "0x7f", "\t", "\n", "\x00", " ", "é", "。", "①", "_", "-", "a"]


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join))
def test_a_url_that_is_accepted_names_one_host_to_all_parsers(rest: str) -> None:
    uri = f"http://{rest}"
    try:
        page = uris.page(uri)
    except InvalidArgument:
        return

    assert page.url.raw_host == urlsplit(uri).hostname == urlsplit(str(page)).hostname
    assert page.url.port == (urlsplit(uri).port or 80)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://storage.googleapis.com/shelf/a/b%20c.png", uris.Stored("shelf", "a/b c.png")),
        ("http://storage.googleapis.com/shelf/a.png", uris.Stored("shelf", "a.png")),
        ("https://storage.googleapis.com/shelf/a.png?X-Goog-Signature=1", None),
        ("https://storage.googleapis.com/shelf/", None),
        ("https://storage.googleapis.com/shelf/%2e%2e/a.png", None),
        ("https://storage.googleapis.com:8443/shelf/a.png", None),
        ("https://example.com/shelf/a.png", None),
    ],
)
def test_objects_have_web_addresses(url: str, named: uris.Stored | None) -> None:
    assert uris.stored_at(uris.page(url)) == named
