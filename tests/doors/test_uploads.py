"""Uploads and downloads over real sockets, in front of the real service and a folder."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from geminid.call import Call, Handler, Principal, Stream, chain
from geminid.doors.choice import FirstOf
from geminid.doors.developer import DeveloperDoor
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.uploads import FRAMING_BYTES, UPLOADS, UploadDoor
from geminid.errors import Unauthenticated
from geminid.gemini.profiles import Catalogue
from geminid.service.files import FileService
from geminid.storage.uploads import Uploads
from geminid.wire import developer_routes as routes

FILES = "/v1beta/files"
UPLOAD = "/upload/v1beta/files"
FILE_BYTES = 2_000_000
DENIED = "You do not have permission to access the File {} or it may not exist."


async def by_key(call: Call, proceed: Handler) -> Stream:
    """A gate: the key is the project."""
    if not call.credentials.api_key:
        raise Unauthenticated("No key.")
    call.principal = Principal("somebody", call.credentials.api_key)
    async for message in proceed(call):
        yield message


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    files = FileService(Uploads(tmp_path / "files", file_bytes=FILE_BYTES, total_bytes=3 * FILE_BYTES))
    guard = partial(chain, [by_key])
    handlers = {
        routes.GET_FILE: guard(files.get_file),
        routes.LIST_FILES: guard(files.list_files),
        routes.DELETE_FILE: guard(files.delete_file),
    }
    developer = DeveloperDoor(handlers, Catalogue(), request_bytes=1000)
    app = FirstOf(UploadDoor(files, guard), otherwise=developer)
    limits = Limits(body_bytes=1000, streamed={UPLOADS: FILE_BYTES + FRAMING_BYTES})
    listener = Listener(app, host="127.0.0.1", port=0, limits=limits, drain_seconds=1)
    await listener.start()
    yield f"http://127.0.0.1:{listener.port}"
    await listener.stop()


@pytest.fixture
async def ask(url: str) -> AsyncIterator[Callable[..., Any]]:
    """Sends a request and gives back the response with its body. ``of_upload`` are X-Goog-Upload headers."""
    async with aiohttp.ClientSession() as session:

        async def ask(
            method: str, where: str, data: Any = None, key: str = "mine", content_type: str = "", **of_upload: str
        ) -> Any:
            headers = {f"X-Goog-Upload-{name.replace('_', '-')}": value for name, value in of_upload.items()}
            headers |= {"x-goog-api-key": key} if key else {}
            headers |= {"Content-Type": content_type} if content_type else {}
            where = where if where.startswith("http") else url + where
            data = io.BytesIO(data) if isinstance(data, bytes) else data  # aiohttp warns of large bytes
            async with session.request(method, where, data=data, headers=headers) as response:
                return response, await response.read()

        yield ask


@pytest.fixture
def start(ask: Any) -> Callable[..., Any]:
    """Begins an upload and gives back the URL where it goes on."""

    async def start(file: Any = None, **of_upload: str) -> str:
        body = json.dumps({"file": file or {}})
        response, _ = await ask("POST", UPLOAD, body, protocol="resumable", command="start", **of_upload)
        assert (response.status, response.headers["X-Goog-Upload-Status"]) == (200, "active")
        return str(response.headers["X-Goog-Upload-URL"])

    return start


@pytest.fixture
def upload(start: Any, ask: Any) -> Callable[..., Any]:
    async def upload(content: bytes = b"content", **file: Any) -> Any:
        response, body = await ask("POST", await start(file), content, command="upload, finalize", offset="0")
        assert response.headers["X-Goog-Upload-Status"] == "final"
        return json.loads(body)["file"]

    return upload


async def test_a_file_in_chunks(url: str, start: Any, ask: Any) -> None:
    where = await start(
        {"displayName": "Notes"}, Header_Content_Length="2000000", Header_Content_Type="text/markdown"
    )
    assert where.startswith(url + UPLOAD)

    response, _ = await ask("POST", where, bytes(1_500_000), key="", command="upload", offset="0")
    assert response.headers["X-Goog-Upload-Status"] == "active"
    response, body = await ask("POST", where, bytes(500_000), key="", command="upload, finalize", offset="1500000")

    file = json.loads(body)["file"]
    created, updated, expires = (file.pop(name) for name in ("createTime", "updateTime", "expirationTime"))
    assert (response.status, response.headers["X-Goog-Upload-Status"]) == (200, "final")
    assert created == updated < expires
    assert file == {
        "name": file["name"],
        "displayName": "Notes",
        "mimeType": "text/markdown",
        "sizeBytes": "2000000",
        "sha256Hash": base64.b64encode(hashlib.sha256(bytes(2_000_000)).hexdigest().encode()).decode(),
        "uri": f"https://generativelanguage.googleapis.com/v1beta/{file['name']}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }


async def test_get_list_and_delete(upload: Any, ask: Any) -> None:
    file = await upload(name="files/mine-1", mimeType="text/plain")

    _, got = await ask("GET", f"{FILES}/mine-1")
    _, listed = await ask("GET", FILES)
    response, deleted = await ask("DELETE", f"{FILES}/mine-1")

    assert json.loads(got) == file
    assert json.loads(listed) == {"files": [file]}
    assert (response.status, json.loads(deleted)) == (200, {})
    assert json.loads((await ask("GET", FILES))[1]) == {}


async def test_pages_have_ten_files(upload: Any, ask: Any) -> None:
    made = [(await upload())["name"] for _ in range(12)]

    first = json.loads((await ask("GET", FILES))[1])
    second = json.loads((await ask("GET", f"{FILES}?pageToken={first['nextPageToken']}"))[1])

    assert [file["name"] for file in first["files"] + second["files"]] == made[::-1]
    assert (len(first["files"]), "nextPageToken" in second) == (10, False)


async def test_a_bad_page_is_refused(ask: Any) -> None:
    for query in ("pageToken=!", "pageToken=YWJj", "pageSize=-1"):
        assert (await ask("GET", f"{FILES}?{query}"))[0].status == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{FILES}/secret"), ("DELETE", f"{FILES}/secret"), ("GET", f"{FILES}/secret:download?alt=media")],
)
async def test_anothers_file_is_as_an_unknown_one(upload: Any, ask: Any, method: str, path: str) -> None:
    await upload(name="files/secret")

    response, body = await ask(method, path, key="yours")
    unknown, same = await ask(method, path.replace("secret", "nothing"))

    assert (response.status, unknown.status) == (403, 403)
    assert json.loads(body)["error"] == {
        "code": 403,
        "message": DENIED.format("secret"),
        "status": "PERMISSION_DENIED",
    }
    assert json.loads(same)["error"]["message"] == DENIED.format("nothing")


async def test_a_download_has_the_bytes(upload: Any, ask: Any) -> None:
    await upload(bytes(range(256)) * 5000, name="files/a", mimeType="text/html")

    response, body = await ask("GET", f"{FILES}/a:download?alt=media")

    assert body == bytes(range(256)) * 5000
    assert response.headers["Content-Type"] == "text/html"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == "attachment"


async def test_an_upload_begins_with_credentials_only(ask: Any) -> None:
    for protocol in ("resumable", "raw"):
        response, _ = await ask("POST", UPLOAD, key="", protocol=protocol, command="start")
        assert response.status == 401
        assert "X-Goog-Upload-URL" not in response.headers


async def test_an_unknown_upload_is_over(ask: Any) -> None:
    response, _ = await ask("POST", f"{UPLOAD}?upload_id=guess", b"a", command="upload, finalize", offset="0")

    assert (response.status, response.headers["X-Goog-Upload-Status"]) == (404, "final")


async def test_a_client_asks_how_far_it_came(start: Any, ask: Any) -> None:
    where = await start()
    await ask("POST", where, b"abc", command="upload", offset="0")

    response, _ = await ask("POST", where, command="query")

    assert response.headers["X-Goog-Upload-Status"] == "active"
    assert response.headers["X-Goog-Upload-Size-Received"] == "3"


async def test_a_last_chunk_that_is_sent_again_gets_the_same_answer(start: Any, ask: Any) -> None:
    where = await start()
    _, first = await ask("POST", where, b"abc", command="upload, finalize", offset="0")

    response, again = await ask("POST", where, b"abc", command="upload, finalize", offset="0")

    assert (response.headers["X-Goog-Upload-Status"], again) == ("final", first)


async def test_a_cancelled_upload_is_over(start: Any, ask: Any) -> None:
    where = await start()

    response, _ = await ask("POST", where, command="cancel")

    assert response.headers["X-Goog-Upload-Status"] == "cancelled"
    assert (await ask("POST", where, command="query"))[0].status == 404


async def test_a_wrong_offset_may_be_tried_again(start: Any, ask: Any) -> None:
    where = await start()

    response, _ = await ask("POST", where, b"abc", command="upload", offset="5")

    assert response.status == 400
    assert "X-Goog-Upload-Status" not in response.headers
    assert (await ask("POST", where, command="query"))[0].status == 200


async def test_more_than_announced_ends_the_upload(start: Any, ask: Any) -> None:
    where = await start(Header_Content_Length="2")

    response, _ = await ask("POST", where, b"abc", command="upload, finalize", offset="0")

    assert (response.status, response.headers["X-Goog-Upload-Status"]) == (400, "final")
    assert (await ask("POST", where, command="query"))[0].status == 404


async def test_a_multipart_upload(ask: Any) -> None:
    content = b"\r\n--almost" * 30_000
    body = (
        b'--b\r\nContent-Type: application/json\r\n\r\n{"file": {"display_name": "One"}}\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\n" + content + b"\r\n--b--\r\n"
    )

    response, answer = await ask(
        "POST", UPLOAD, body, content_type="multipart/related; boundary=b", protocol="multipart"
    )

    file = json.loads(answer)["file"]
    assert response.status == 200
    assert (file["displayName"], file["mimeType"], file["sizeBytes"]) == ("One", "text/plain", str(len(content)))
    assert (await ask("GET", f"/v1beta/{file['name']}:download?alt=media"))[1] == content


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/related", b"--b\r\n\r\n{}\r\n--b\r\n\r\na\r\n--b--"),
        ("multipart/related; boundary=b", b"--b\r\n\r\n{}\r\n--b\r\n\r\na"),
        ("multipart/related; boundary=b", b"--b\r\n\r\n{}\r\n--b--"),
        ("multipart/related; boundary=b", bytes(200_000)),
        ("multipart/related; boundary=b", b"--b\r\n\r\n[\r\n--b\r\n\r\na\r\n--b--"),
    ],
)
async def test_a_broken_multipart_body_leaves_nothing(ask: Any, content_type: str, body: bytes) -> None:
    response, _ = await ask("POST", UPLOAD, body, content_type=content_type, protocol="multipart")

    assert response.status == 400
    assert json.loads((await ask("GET", FILES))[1]) == {}


async def test_a_raw_upload(ask: Any) -> None:
    response, answer = await ask("POST", f"{UPLOAD}?uploadType=media", b"<svg/>", content_type="image/svg+xml")

    assert response.status == 200
    assert json.loads(answer)["file"]["mimeType"] == "image/svg+xml"


async def test_only_uploads_may_be_larger_than_other_requests(ask: Any) -> None:
    large, answer = await ask("POST", UPLOAD, bytes(FILE_BYTES + FRAMING_BYTES + 1), protocol="raw")
    other, _ = await ask("POST", "/v1beta/models/gemini-2.5-flash:generateContent", bytes(1001))

    assert (large.status, other.status) == (400, 400)
    assert "exceeds the limit" in json.loads(answer)["error"]["message"]


@pytest.mark.parametrize(
    "file",
    [
        {"name": "mine"},
        {"name": "files/../../etc"},
        {"name": "files/Mine"},
        {"name": "files/-a"},
        {"displayName": "x" * 513},
        {"mimeType": "text/plain\r\nSet-Cookie: a=b"},
        {"unknown": 1},
    ],
)
async def test_what_a_file_cannot_be(ask: Any, file: Any) -> None:
    response, _ = await ask("POST", UPLOAD, json.dumps({"file": file}), protocol="resumable", command="start")

    assert response.status == 400


@pytest.mark.parametrize(
    "of_upload",
    [
        {},
        {"protocol": "ftp"},
        {"protocol": "resumable"},
        {"protocol": "resumable", "command": "start", "Header_Content_Length": "1e3"},
        {"protocol": "resumable", "command": "start", "Header_Content_Length": str(FILE_BYTES + 1)},
    ],
)
async def test_what_is_no_upload(ask: Any, of_upload: dict[str, str]) -> None:
    assert (await ask("POST", UPLOAD, **of_upload))[0].status == 400


async def test_a_name_is_taken_once(upload: Any, ask: Any) -> None:
    await upload(name="files/a")

    response, body = await ask(
        "POST", UPLOAD, json.dumps({"file": {"name": "files/a"}}), protocol="resumable", command="start"
    )

    assert (response.status, json.loads(body)["error"]["status"]) == (409, "ALREADY_EXISTS")
