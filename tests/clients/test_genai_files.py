"""google-genai's files, against a server of its own process; and what curl does with them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from google import genai
from google.genai import errors, types

CONTENT = bytes(range(256)) * 80_000
"""20 MB: three chunks of the client's 8 MiB."""


class HasUrl(Protocol):
    url: str


@pytest.fixture
def client(scripted: HasUrl) -> Iterator[genai.Client]:
    with genai.Client(api_key="any", http_options=types.HttpOptions(base_url=scripted.url)) as client:
        yield client


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(CONTENT)
    return path


def test_a_large_file_is_uploaded_got_and_downloaded(client: genai.Client, large: Path) -> None:
    file = client.files.upload(file=large, config={"display_name": "Large", "mime_type": "video/mp4"})

    assert file.name
    assert file.uri == f"https://generativelanguage.googleapis.com/v1beta/{file.name}"
    assert (file.display_name, file.mime_type, file.size_bytes) == ("Large", "video/mp4", len(CONTENT))
    assert file.sha256_hash == b64encode(hashlib.sha256(CONTENT).hexdigest().encode()).decode()
    assert (file.state, file.source) == (types.FileState.ACTIVE, types.FileSource.UPLOADED)
    assert client.files.get(name=file.name).model_dump(exclude={"sdk_http_response"}) == file.model_dump(
        exclude={"sdk_http_response"}
    )
    assert client.files.download(file=file.name) == CONTENT


def test_files_are_listed_and_deleted(client: genai.Client) -> None:
    names = [
        client.files.upload(file=io.BytesIO(b"text"), config={"mime_type": "text/plain"}).name for _ in range(3)
    ]

    listed = [file.name for file in client.files.list(config={"page_size": 2})]
    for name in names:
        client.files.delete(name=name or "")

    assert listed[:3] == names[::-1]
    assert set(names).isdisjoint(file.name for file in client.files.list())


def test_an_unknown_file_is_forbidden(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as denied:
        client.files.get(name="nothing")

    assert denied.value.code == 403
    assert denied.value.message == ("You do not have permission to access the File nothing or it may not exist.")


def test_a_name_is_taken_once(client: genai.Client) -> None:
    def upload() -> types.File:
        return client.files.upload(file=io.BytesIO(b"a"), config={"mime_type": "text/plain", "name": "taken"})

    assert upload().name == "files/taken"
    with pytest.raises(errors.ClientError) as refused:
        upload()
    assert refused.value.code == 409


async def test_the_asynchronous_client_uploads(scripted: HasUrl, large: Path) -> None:
    async with httpx.AsyncClient() as session:
        options = types.HttpOptions(base_url=scripted.url, httpx_async_client=session)
        with genai.Client(api_key="any", http_options=options) as client:
            file = await client.aio.files.upload(file=large, config={"mime_type": "video/mp4"})
            await client.aio.files.delete(name=file.name or "")

    assert file.size_bytes == len(CONTENT)


def test_curl_uploads_as_google_shows_it(scripted: HasUrl, large: Path) -> None:
    """The two commands of https://ai.google.dev/gemini-api/docs/files, with only the host changed."""
    script = """
        curl -s "${BASE_URL}/upload/v1beta/files" -D headers.tmp \
          -H "x-goog-api-key: any" \
          -H "X-Goog-Upload-Protocol: resumable" \
          -H "X-Goog-Upload-Command: start" \
          -H "X-Goog-Upload-Header-Content-Length: ${NUM_BYTES}" \
          -H "X-Goog-Upload-Header-Content-Type: ${MIME_TYPE}" \
          -H "Content-Type: application/json" \
          -d "{'file': {'display_name': 'LARGE'}}" 2> /dev/null
        upload_url=$(grep -i "x-goog-upload-url: " headers.tmp | cut -d" " -f2 | tr -d "\\r")
        curl -s "${upload_url}" \
          -H "Content-Length: ${NUM_BYTES}" \
          -H "X-Goog-Upload-Offset: 0" \
          -H "X-Goog-Upload-Command: upload, finalize" \
          --data-binary "@large.bin" 2> /dev/null
    """
    variables = {"BASE_URL": scripted.url, "NUM_BYTES": str(len(CONTENT)), "MIME_TYPE": "video/mp4"}

    done = subprocess.run(
        ["bash", "-c", script], cwd=large.parent, env={"PATH": "/usr/bin:/bin"} | variables, capture_output=True
    )

    file = json.loads(done.stdout)["file"]
    assert (file["displayName"], file["mimeType"], file["sizeBytes"]) == ("LARGE", "video/mp4", str(len(CONTENT)))
