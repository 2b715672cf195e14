"""Downloads from a plain address: whole, resumed, or refused with a reason and without a trace."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geminid.engines.weights import Weights, WeightsError, cached, fetch

Pinned = Callable[..., Weights]
Left = Callable[[], list[str]]


def test_a_file_arrives_whole(site: Any, body: Any, pinned: Pinned, data: bytes, heard: Any) -> None:
    site.bodies["/m.gguf"] = body(data)
    weights = pinned(site.url("/m.gguf"))

    path = fetch(weights, heard)

    assert path.read_bytes() == data
    assert path.name == f"{weights.sha256[:12]}-m.gguf"
    assert heard.starts == [("m.gguf", len(data), 0)]
    assert heard.amount == len(data)


def test_a_file_that_is_here_is_not_fetched_again(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    site.bodies["/m.gguf"] = body(data)
    weights = pinned(site.url("/m.gguf"))

    assert cached(weights) is None
    first = fetch(weights)

    assert cached(weights) == fetch(weights) == first
    assert len(site.asked) == 1


def test_a_cut_connection_is_resumed(
    site: Any, body: Any, pinned: Pinned, data: bytes, heard: Any, left: Left
) -> None:
    site.bodies["/m.gguf"] = body(data, cuts=[100_000, 50_000])

    path = fetch(pinned(site.url("/m.gguf")), heard)

    assert path.read_bytes() == data
    assert site.ranges() == [None, "bytes=100000-", "bytes=150000-"]
    assert site.asked[1].headers["if-range"] == '"v1"'
    assert len(heard.notes) == 2
    assert heard.amount == len(data)
    assert left() == [path.name]


def test_a_later_run_goes_on_where_an_earlier_one_ended(
    site: Any, body: Any, pinned: Pinned, data: bytes, heard: Any
) -> None:
    site.bodies["/m.gguf"] = body(data, cuts=[100_000, 0])
    weights = pinned(site.url("/m.gguf"))
    with pytest.raises(WeightsError, match=r"broke after 100,000 bytes\. Run the same command again"):
        fetch(weights)

    path = fetch(weights, heard)

    assert path.read_bytes() == data
    assert heard.starts == [("m.gguf", len(data), 100_000)]
    assert heard.amount == len(data) - 100_000


def test_a_server_without_ranges_is_read_from_the_start(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    site.bodies["/m.gguf"] = body(data, ranges=False, cuts=[100_000])

    assert fetch(pinned(site.url("/m.gguf"))).read_bytes() == data
    assert len(site.asked) == 2


def test_a_server_without_validators_is_resumed_too(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    site.bodies["/m.gguf"] = body(data, etag="", cuts=[100_000])

    assert fetch(pinned(site.url("/m.gguf"))).read_bytes() == data
    assert site.ranges() == [None, "bytes=100000-"]
    assert "if-range" not in site.asked[1].headers


def test_parts_that_do_not_fit_are_read_once_more(
    site: Any, body: Any, pinned: Pinned, data: bytes, heard: Any
) -> None:
    site.bodies["/m.gguf"] = body(b"?" * len(data), etag="", cuts=[100_000, 0])
    weights = pinned(site.url("/m.gguf"))
    with pytest.raises(WeightsError):
        fetch(weights)
    site.bodies["/m.gguf"] = body(data, etag="")

    assert fetch(weights, heard).read_bytes() == data
    assert site.ranges()[-2:] == ["bytes=100000-", None]
    assert heard.notes == ["The parts that came are not of one file. Once more from the start."]


def test_a_body_that_changed_meanwhile_is_read_from_the_start(
    site: Any, body: Any, pinned: Pinned, data: bytes
) -> None:
    site.bodies["/m.gguf"] = body(b"?" * len(data), cuts=[100_000, 0])
    weights = pinned(site.url("/m.gguf"))
    with pytest.raises(WeightsError):
        fetch(weights)
    site.bodies["/m.gguf"] = body(data, etag='"v2"')

    assert fetch(weights).read_bytes() == data


def test_a_date_serves_where_the_etag_is_weak(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    site.bodies["/m.gguf"] = body(data, etag='W/"v1"', modified=date, cuts=[100_000])

    assert fetch(pinned(site.url("/m.gguf"))).read_bytes() == data
    assert site.asked[1].headers["if-range"] == date


def test_a_part_longer_than_the_file_is_dropped(site: Any, body: Any, pinned: Pinned, data: bytes) -> None:
    site.bodies["/m.gguf"] = body(data + data, cuts=[len(data) + 10, 0])
    weights = pinned(site.url("/m.gguf"), size=None)
    with pytest.raises(WeightsError):
        fetch(weights)
    site.bodies["/m.gguf"] = body(data)

    assert fetch(weights).read_bytes() == data
    assert site.ranges()[-2:] == [f"bytes={len(data) + 10}-", None]


def test_a_wrong_hash_leaves_nothing_behind(site: Any, body: Any, pinned: Pinned, data: bytes, left: Left) -> None:
    site.bodies["/m.gguf"] = body(data[::-1])

    with pytest.raises(WeightsError, match=r"not the file that was pinned: its sha256 is [0-9a-f]{64}"):
        fetch(pinned(site.url("/m.gguf")))

    assert left() == []


@pytest.mark.parametrize("told", [299_000, 301_000])
def test_another_length_than_the_pinned_one_is_refused_at_once(
    site: Any, body: Any, pinned: Pinned, data: bytes, left: Left, told: int
) -> None:
    site.bodies["/m.gguf"] = body(data, told_length=told)

    with pytest.raises(WeightsError, match=rf"has {told:,} bytes, and 300,000 were expected"):
        fetch(pinned(site.url("/m.gguf")))

    assert left() == []


def test_a_body_that_does_not_end_is_refused(
    site: Any, body: Any, pinned: Pinned, data: bytes, left: Left
) -> None:
    site.bodies["/m.gguf"] = body(data + b"x", tells_length=False)

    with pytest.raises(WeightsError, match="sends more than the 300,000 bytes expected"):
        fetch(pinned(site.url("/m.gguf")))

    assert left() == []


def test_a_body_without_length_that_ends_early_is_noticed(
    site: Any, body: Any, pinned: Pinned, data: bytes
) -> None:
    site.bodies["/m.gguf"] = body(data[:1000], tells_length=False, ranges=False)

    with pytest.raises(WeightsError, match="broke after 1,000 bytes"):
        fetch(pinned(site.url("/m.gguf")))


@pytest.mark.parametrize("tells_length", [True, False])
def test_the_hash_is_enough_where_the_length_is_not_pinned(
    site: Any, body: Any, pinned: Pinned, data: bytes, tells_length: bool
) -> None:
    site.bodies["/m.gguf"] = body(data, tells_length=tells_length)

    assert fetch(pinned(site.url("/m.gguf"), size=None)).read_bytes() == data


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "does not exist"), (401, "Put credentials into the address"), (503, "Try again later")],
)
def test_a_refusal_says_what_to_do(site: Any, body: Any, pinned: Pinned, status: int, words: str) -> None:
    site.bodies["/m.gguf"] = body(status=status)

    with pytest.raises(WeightsError, match=words):
        fetch(pinned(site.url("/m.gguf")))


def test_nobody_there(pinned: Pinned) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen

        with pytest.raises(WeightsError, match=r"cannot be reached: Connection refused\. Check the network"):
            fetch(pinned(f"http://127.0.0.1:{nobody.getsockname()[1]}/m.gguf"))


def test_plain_http_is_for_this_machine_only(pinned: Pinned) -> None:
    with pytest.raises(WeightsError, match=r"http://example\.com/m\.gguf is not an https address"):
        fetch(pinned("http://example.com/m.gguf"))


def test_a_redirect_to_plain_http_is_not_followed(site: Any, body: Any, pinned: Pinned) -> None:
    site.bodies["/m.gguf"] = body(status=302, headers={"Location": "http://example.com/m.gguf"})

    with pytest.raises(WeightsError, match="is not an https address"):
        fetch(pinned(site.url("/m.gguf")))


def test_credentials_go_to_their_own_host_alone(
    site: Any, start_site: Any, body: Any, pinned: Pinned, data: bytes
) -> None:
    other = start_site()
    other.bodies["/far.gguf"] = body(data)
    login = "Basic YW5uOnAgdw=="
    site.bodies["/m.gguf"] = body(status=302, login=login, headers={"Location": "/here"})
    site.bodies["/here"] = body(status=302, login=login, headers={"Location": other.url("/far.gguf")})

    assert fetch(pinned(site.url("/m.gguf", "ann:p%20w"))).read_bytes() == data
    assert "authorization" not in other.asked[0].headers


def test_credentials_are_never_shown(site: Any, body: Any, pinned: Pinned) -> None:
    site.bodies["/m.gguf?key=hidden"] = body(status=403)
    weights = pinned(site.url("/m.gguf?key=hidden", "ann:secret"))

    with pytest.raises(WeightsError) as caught:
        fetch(weights)

    shown = f"{caught.value} {weights!r} {caught.value.__cause__!r}"
    assert "secret" not in shown
    assert "hidden" not in shown


def test_a_file_that_does_not_fit_is_not_begun(
    site: Any, body: Any, pinned: Pinned, data: bytes, left: Left
) -> None:
    site.bodies["/m.gguf"] = body(data, told_length=10**18)

    with pytest.raises(WeightsError, match=r"MB free, and 1,000,000,000,000 MB are needed\. Free some space"):
        fetch(pinned(site.url("/m.gguf"), size=10**18))

    assert left() == []


def test_a_cache_that_cannot_be_written_is_named(site: Any, pinned: Pinned, cache_root: Path) -> None:
    cache_root.write_text("a file where a folder should be")

    with pytest.raises(WeightsError, match=r"cannot be used: Not a directory"):
        fetch(pinned(site.url("/m.gguf")))


def test_whoever_watches_may_end_it(
    site: Any, body: Any, pinned: Pinned, data: bytes, heard: Any, left: Left
) -> None:
    class Impatient(type(heard)):  # type: ignore[misc]
        def advance(self, amount: int) -> None:
            raise InterruptedError

    site.bodies["/m.gguf"] = body(data)
    weights = pinned(site.url("/m.gguf"))

    with pytest.raises(InterruptedError):
        fetch(weights, Impatient())

    assert f"{weights.sha256[:12]}-m.gguf.partial" in left()
    assert fetch(weights).read_bytes() == data
