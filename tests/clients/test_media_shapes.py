"""Media in every spelling that clients have for it, and what it counts: in JSON, by three libraries of Python."""

from __future__ import annotations

import io
import json
import urllib.request
import wave
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import openai
import pytest
import vertexai
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai import types
from google.oauth2.credentials import Credentials
from PIL import Image
from vertexai import generative_models as vertex

MODEL = "gemini-2.5-flash"
QUESTION = "What is this?"
TEXT = "This is a scripted answer."
LOCATION = "projects/p/locations/us-central1"


def _picture(kind: str) -> bytes:
    """A gradient, whose base64 has the two characters that the URL-safe alphabet replaces."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(file, kind)
    return file.getvalue()


def _document(pages: int) -> bytes:
    file = io.BytesIO()
    first, *others = [Image.new("RGB", (200, 100), "white") for _ in range(pages)]
    first.save(file, "PDF", save_all=True, append_images=others)
    return file.getvalue()


def _sound(seconds: int) -> bytes:
    """Silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(2 * 8000 * seconds))
    return file.getvalue()


PNG, JPEG, PDF, WAV, NOTE = _picture("PNG"), _picture("JPEG"), _document(2), _sound(3), b"Buy bread."

FILES = {
    "picture.png": ("image/png", PNG),
    "picture.jpg": ("image/jpeg", JPEG),
    "pages.pdf": ("application/pdf", PDF),
    "sound.wav": ("audio/wav", WAV),
    "note.txt": ("text/plain", NOTE),
}

COUNTED = {
    "image/png": ("IMAGE", 258),
    "image/jpeg": ("IMAGE", 258),
    "application/pdf": ("DOCUMENT", 2 * 258),
    "audio/wav": ("AUDIO", 3 * 25),
}
"""By the rules of https://ai.google.dev/gemini-api/docs/tokens. A text file counts as the text that it is."""

ASKED = 4
"""Tokens of the question."""

EACH_FILE = pytest.mark.parametrize("name", FILES)


class Server(Protocol):
    url: str
    state: Path


@pytest.fixture(scope="module")
def server(scripted: Server) -> Server:
    """The scripted one, with ``FILES`` in its bucket."""
    for name, (_, data) in FILES.items():
        (scripted.state / "bucket" / name).write_bytes(data)
    return scripted


def uri(name: str) -> str:
    return f"gs://bucket/{name}"


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


def data_uri(name: str) -> str:
    mime_type, data = FILES[name]
    return f"data:{mime_type};base64,{encoded(data)}"


def expected(name: str, modalities: dict[str, int]) -> dict[str, int]:
    """What the prompt counts: the question, and the file by its kind. A text file is only known to add to it."""
    counted = COUNTED.get(FILES[name][0])
    if counted is None:
        assert modalities.keys() == {"TEXT"}
        assert modalities["TEXT"] > ASKED
        return modalities
    return {counted[0]: counted[1], "TEXT": ASKED}


def post(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer, of status 200; any other raises."""
    request = urllib.request.Request(
        server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def parts_in_json() -> Iterator[Any]:
    for name, (mime_type, data) in FILES.items():
        inline = {"mimeType": mime_type, "data": encoded(data)}
        stored = {"fileUri": uri(name), "mimeType": mime_type}
        yield pytest.param(name, {"inlineData": inline}, id=f"inlineData, {name}")
        yield pytest.param(name, {"fileData": stored}, id=f"fileData, {name}")
    snake = {"mime_type": "image/png", "data": encoded(PNG)}
    url_safe = urlsafe_b64encode(PNG).decode()
    go = {"mimeType": "video/jpeg", "fileUri": uri("picture.jpg")}
    for title, part in {
        "inline_data": {"inline_data": snake},
        "snake case within camel case": {"inlineData": snake},
        "URL-safe base64": {"inlineData": snake | {"data": url_safe}},
        "base64 without padding": {"inlineData": snake | {"data": url_safe.rstrip("=")}},
        "file_data": {"file_data": {"file_uri": uri("picture.png"), "mime_type": "image/png"}},
        "fileData without a type": {"fileData": {"fileUri": uri("picture.png")}},
        "Go's sample": {"fileData": go},
    }.items():
        yield pytest.param("picture.png", part, id=title)


@pytest.mark.parametrize(("name", "part"), [*parts_in_json()])
def test_json(server: Server, name: str, part: dict[str, Any]) -> None:
    body = {"contents": [{"role": "user", "parts": [part, {"text": QUESTION}]}]}

    answer = post(server, f"/v1/{LOCATION}/publishers/google/models/{MODEL}:generateContent", body)

    usage = answer["usageMetadata"]
    details = {each["modality"]: each["tokenCount"] for each in usage["promptTokensDetails"]}
    assert answer["candidates"][0]["content"]["parts"] == [{"text": TEXT}]
    assert details == expected(name, details)
    assert usage["promptTokenCount"] == sum(details.values())


def test_the_picture_is_one_whose_base64_differs_between_the_alphabets() -> None:
    assert {"+", "/"} <= set(encoded(PNG))


@pytest.mark.parametrize("mime_type", ["video/mp4", "application/pdf", "audio/wav"])
def test_another_kind_than_the_declared_one_is_refused(server: Server, mime_type: str) -> None:
    part = {"inlineData": {"mimeType": mime_type, "data": encoded(PNG)}}
    body = {"contents": [{"role": "user", "parts": [part, {"text": QUESTION}]}]}

    with pytest.raises(urllib.request.HTTPError) as error:
        post(server, f"/v1/{LOCATION}/publishers/google/models/{MODEL}:generateContent", body)

    error.value.close()
    assert error.value.code == 400


@EACH_FILE
@pytest.mark.parametrize("how", ["bytes", "uri"])
@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")
def test_google_genai(server: Server, name: str, how: str) -> None:
    mime_type, data = FILES[name]
    part = types.Part.from_bytes(data=data, mime_type=mime_type)
    if how == "uri":
        part = types.Part.from_uri(file_uri=uri(name), mime_type=mime_type)

    asked: dict[str, Any] = {"model": MODEL, "contents": [part, QUESTION]}

    with genai_client(server) as client:
        answer = client.models.generate_content(**asked)
        stream = list(client.models.generate_content_stream(**asked))

    assert answer.text == "".join(chunk.text or "" for chunk in stream) == TEXT
    for usage in (answer.usage_metadata, stream[-1].usage_metadata):
        assert usage
        details = {each.modality.name: each.token_count or 0 for each in usage.prompt_tokens_details or []}  # type: ignore[union-attr]
        assert details == expected(name, details)


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")
def test_google_genai_takes_pictures_of_pillow(server: Server) -> None:
    with genai_client(server) as client, Image.open(io.BytesIO(PNG)) as picture:
        contents: list[Any] = [picture, QUESTION]
        counted = client.models.count_tokens(model=MODEL, contents=contents)

    assert counted.total_tokens == 258 + ASKED


def genai_client(server: Server) -> genai.Client:
    return genai.Client(
        vertexai=True,
        project="p",
        location="us-central1",
        credentials=Credentials("any token"),  # type: ignore[no-untyped-call]
        http_options=types.HttpOptions(base_url=server.url),
    )


@EACH_FILE
@pytest.mark.parametrize("how", ["data", "uri"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_vertexai(server: Server, name: str, how: str) -> None:
    mime_type, data = FILES[name]
    vertexai.init(
        project="p",
        location="us-central1",
        api_transport="rest",
        api_endpoint=server.url,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    )
    part = vertex.Part.from_data(data, mime_type) if how == "data" else vertex.Part.from_uri(uri(name), mime_type)

    contents: list[Any] = [part, QUESTION]
    answer = vertex.GenerativeModel(MODEL).generate_content(contents)

    usage = answer.to_dict()["usage_metadata"]
    details = {each["modality"]: each["token_count"] for each in usage["prompt_tokens_details"]}
    assert answer.text == TEXT
    assert details == expected(name, details)


def parts_of_openai() -> Iterator[Any]:
    for title, url in {"data": data_uri("picture.png"), "gs": uri("picture.png")}.items():
        yield pytest.param("picture.png", image_part({"url": url}), id=f"image_url, {title}")
        yield pytest.param("picture.png", image_part(url), id=f"image_url as a string, {title}")
    yield pytest.param("pages.pdf", image_part({"url": data_uri("pages.pdf")}), id="image_url, a document")
    yield pytest.param("picture.png", image_part({"url": uri("picture.png"), "detail": "auto"}), id="detail")
    for data in (encoded(WAV), uri("sound.wav"), data_uri("sound.wav")):
        sound = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
        yield pytest.param("sound.wav", sound, id=f"input_audio, {data[:5]}")
    for name in ("pages.pdf", "note.txt"):
        whole = {"filename": name, "file_data": data_uri(name)}
        yield pytest.param(name, {"type": "file", "file": whole}, id=f"file_data, {name}")
        yield pytest.param(name, {"type": "file", "file": {"file_id": uri(name)}}, id=f"file_id, {name}")


def image_part(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


@pytest.mark.parametrize(("name", "part"), [*parts_of_openai()])
def test_openai(server: Server, name: str, part: Any) -> None:
    asked: dict[str, Any] = {
        "model": f"google/{MODEL}",
        "messages": [{"role": "user", "content": [part, {"type": "text", "text": QUESTION}]}],
    }

    with openai.OpenAI(base_url=f"{server.url}/v1/{LOCATION}/endpoints/openapi", api_key="any token") as client:
        answer = client.chat.completions.create(**asked)
        stream = list(client.chat.completions.create(**asked, stream=True))

    assert answer.choices[0].message.content == TEXT
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == TEXT
    assert answer.usage
    counted = COUNTED.get(FILES[name][0])
    assert answer.usage.prompt_tokens == ASKED + counted[1] if counted else answer.usage.prompt_tokens > ASKED
