"""Exchanges that are kept, and answers that are given from them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.cloud.aiplatform_v1 import GenerateContentRequest, GenerateContentResponse

from geminid.elsewhere.exchanges import ExchangeError
from geminid.elsewhere.recordings import recorded
from geminid.settings import Record, Replay, Scripted

MODEL = "gemini-2.5-flash"
NAME = f"projects/p/locations/l/publishers/google/models/{MODEL}"
STREAM, UNARY = f"{MODEL}:streamGenerateContent", f"{MODEL}:generateContent"


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


@pytest.fixture
def recording(front: Any, tmp_path: Path) -> Any:
    """Starts a server that records what a scripted engine says."""

    async def recording(*answers: dict[str, Any]) -> Any:
        script = tmp_path / "script.json"
        script.write_text(json.dumps({"answers": answers}))
        engines = {"said": Scripted(script=str(script))}
        return await front("said", engines=engines, record=Record(folder=str(tmp_path / "kept")))

    return recording


@pytest.fixture
def replaying(front: Any, tmp_path: Path) -> Any:
    """Starts a server that answers from what was recorded, or from these lines."""

    async def replaying(*lines: dict[str, Any]) -> Any:
        path = tmp_path / "kept"
        if lines:
            path = tmp_path / "lines.jsonl"
            path.write_text("\n".join(json.dumps(line) for line in lines))
        return await front(f"replay:{path}")

    return replaying


def kept(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted((folder / "kept").iterdir())]


async def test_an_exchange_is_kept_as_people_can_read_it(recording: Any, tmp_path: Path) -> None:
    server = await recording({"chunks": ["Hi", " there"]})

    await server.post(STREAM, asking("Hello"))

    ((path,), (exchange,)) = list((tmp_path / "kept").iterdir()), kept(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(exchange) == ["method", "model", "time", "request", "response", "seconds"]
    assert (exchange["method"], exchange["model"]) == ("streamGenerateContent", MODEL)
    assert exchange["request"] == asking("Hello")
    assert len(exchange["seconds"]) == len(exchange["response"]) == 3
    assert path.read_text().startswith('{\n  "method"')


async def over_grpc(server: Any, text: str) -> list[str]:
    request = GenerateContentRequest(model=NAME, contents=asking(text)["contents"])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.app.grpc.port}") as channel:
        stream = channel.unary_stream(
            "/google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent",
            request_serializer=GenerateContentRequest.serialize,
            response_deserializer=GenerateContentResponse.deserialize,
        )(request)
        return [GenerateContentResponse.to_json(chunk) async for chunk in stream]


async def chat(server: Any, text: str) -> Any:
    url = f"{server.url}/v1/projects/p/locations/l/endpoints/openapi/chat/completions"
    request = {"model": f"google/{MODEL}", "messages": [{"role": "user", "content": text}]}
    async with server.session.post(url, json=request) as response:
        return await response.json()


async def through_all(server: Any) -> list[Any]:
    async with server.session.post(f"{server.url}/v1beta/models/{UNARY}?key=k", json=asking("a")) as response:
        developers = await response.json()
    return [
        await server.post(UNARY, asking("b")),
        await server.post(STREAM, asking("c")),
        await server.post(f"{STREAM}?alt=sse", asking("d")),
        await server.post(f"{MODEL}:countTokens", asking("e")),
        await server.post(f"{MODEL}:computeTokens", asking("f")),
        await over_grpc(server, "g"),
        await chat(server, "h"),
        await server.post(UNARY, asking("fails")),
        developers,
    ]


async def test_what_was_recorded_is_answered_through_every_door(recording: Any, replaying: Any) -> None:
    failing = {"when": "fails", "fail": {"code": "RESOURCE_EXHAUSTED", "message": "Slowly."}}
    told = await through_all(await recording(failing, {"chunks": ["one", " two"]}))

    replayed = await through_all(await replaying())

    assert replayed == told


async def test_ids_and_labels_may_differ(recording: Any, replaying: Any) -> None:
    def turn(id: str) -> dict[str, Any]:
        call = {"functionCall": {"name": "f", "args": {"x": 1}, "id": id}}
        response = {"functionResponse": {"name": "f", "response": {"y": 2}, "id": id}}
        return {
            "contents": [
                *asking("Hello")["contents"],
                {"role": "model", "parts": [call]},
                {"role": "user", "parts": [response]},
            ],
            "labels": {"run": id},
        }

    server = await recording({"chunks": ["Done."]})
    told = await server.post(UNARY, turn("a1"))

    assert await (await replaying()).post(UNARY, turn("b2")) == told


async def test_the_other_form_of_an_answer_will_do(recording: Any, replaying: Any) -> None:
    server = await recording({"chunks": ["one", " two", {"call": {"name": "f", "args": {}}}]})
    await server.post(STREAM, asking("Hello", tools=[{"functionDeclarations": [{"name": "f"}]}]))

    asked = asking("Hello", tools=[{"functionDeclarations": [{"name": "f"}]}])
    status, body = await (await replaying()).post(UNARY, asked)

    answer = json.loads(body)
    (candidate,) = answer["candidates"]
    assert status == 200
    assert candidate["content"]["parts"] == [{"text": "one two"}, {"functionCall": {"name": "f", "args": {}}}]
    assert (candidate["finishReason"], answer["usageMetadata"]["totalTokenCount"] > 0) == ("STOP", True)


async def test_a_request_that_was_asked_twice_is_answered_in_order(recording: Any, replaying: Any) -> None:
    server = await recording({"chunks": ["first"]}, {"chunks": ["second"]})
    for _ in range(2):
        await server.post(UNARY, asking("Again?"))

    replay = await replaying()
    said = [json.loads((await replay.post(UNARY, asking("Again?")))[1]) for _ in range(3)]

    assert [one["candidates"][0]["content"]["parts"][0]["text"] for one in said] == ["first", "second", "second"]


async def test_what_was_not_recorded_is_told_with_the_nearest(
    recording: Any, replaying: Any, tmp_path: Path
) -> None:
    server = await recording({"chunks": ["Hi"]})
    await server.post(UNARY, asking("Hello", generationConfig={"temperature": 0.5}))

    status, body = await (await replaying()).post(UNARY, asking("Hullo", generationConfig={"temperature": 0.5}))

    message = json.loads(body)["error"]["message"]
    (path,) = (tmp_path / "kept").iterdir()
    assert status == 404
    assert f"generateContent of {MODEL}" in message
    assert f"{path.name}, differs at contents[0].parts[0].text." in message
    assert "Hullo" in message


WHOLE = {"candidates": [{"content": {"role": "model", "parts": [{"text": "A"}]}, "finishReason": "STOP"}]}
CHUNK = {"candidates": [{"content": {"role": "model", "parts": [{"text": "A"}]}}]}


async def test_lines_are_given_in_order(replaying: Any) -> None:
    server = await replaying(
        {"method": "generateContent", "response": {**WHOLE, "responseId": "1"}},
        {"method": "streamGenerateContent", "response": [CHUNK, {**WHOLE, "responseId": "2"}]},
        {"method": "countTokens", "response": {"totalTokens": 7}},
        {
            "method": "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent",
            "response": [CHUNK, WHOLE],
        },
        {"method": "generateContent", "response": {"error": {"code": 429, "message": "Wait."}}},
    )

    async def asked(tail: str) -> Any:
        return json.loads((await server.post(tail, asking("anything")))[1])

    assert await asked(UNARY) == {**WHOLE, "responseId": "1"}
    assert await asked(STREAM) == [CHUNK, {**WHOLE, "responseId": "2"}]
    assert await asked(f"{MODEL}:countTokens") == {"totalTokens": 7}
    folded = await asked("gemini-1.5-pro:generateContent")
    assert folded["candidates"][0]["content"]["parts"] == [{"text": "AA"}]
    assert (await asked(UNARY))["error"]["status"] == "RESOURCE_EXHAUSTED"
    ended = (await asked(UNARY))["error"]
    assert (ended["status"], "All recorded answers were given: 4." in ended["message"]) == ("NOT_FOUND", True)


async def test_secrets_are_not_kept(recording: Any, replaying: Any, tmp_path: Path) -> None:
    key, token = "AIza" + "b" * 35, "ya29." + "c" * 40
    jwt = f"eyJ{'a' * 20}.{'b' * 20}.{'c' * 20}"
    asked = asking(f"Use {key}, {token}, Bearer {'d' * 20} and https://x.org/f?a=1&key=hush-hush at {jwt}.")
    asked["contents"].append(
        {
            "role": "model",
            "parts": [{"functionCall": {"name": "f", "args": {"Authorization": "Basic abc", "n": 1}}}],
        }
    )
    asked["contents"].append(
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": 1}}}]}
    )
    server = await recording({"chunks": [f"It is {key}."]})
    headers = {"authorization": "Bearer of-the-caller", "x-goog-api-key": "of-the-caller"}
    url = f"{server.url}/v1/{NAME}:generateContent?key=of-the-caller"
    async with server.session.post(url, json=asked, headers=headers) as response:
        assert response.status == 200

    (path,) = (tmp_path / "kept").iterdir()
    text = path.read_text()

    assert [one for one in (key, token, jwt, "d" * 20, "hush", "Basic abc", "of-the-caller") if one in text] == []
    assert "https://x.org/f?a=1&key=REDACTED at" in text
    assert (await (await replaying()).post(UNARY, asked))[0] == 200


async def test_pictures_are_kept_as_they_are(recording: Any, tmp_path: Path) -> None:
    data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    server = await recording({"chunks": ["A picture."]})
    asked = asking("What?")
    asked["contents"][0]["parts"].append({"inlineData": {"mimeType": "image/png", "data": data}})

    await server.post(UNARY, asked)

    (exchange,) = kept(tmp_path)
    assert exchange["request"] == asked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "no JSON"),
        ('{"method": "generateContent"}', '"method" and "response"'),
        ('{"method": "predict", "response": {}}', "none of generateContent"),
        ('{"method": "generateContent", "response": 3}', "is no GenerateContentResponse"),
        ('{"response": {}, "request": {"contents": 3}}', '"request": Invalid value'),
        ('{"response": []}', '"response" is empty'),
    ],
)
def test_a_recording_that_cannot_be_read_names_its_place(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"response": {{}}}}\n\n{line}\n')

    with pytest.raises(ExchangeError) as caught:
        recorded(path)

    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert words in str(caught.value)


def test_a_folder_without_recordings_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError):
        recorded(tmp_path)
    with pytest.raises(ExchangeError):
        recorded(tmp_path / "nowhere")


async def test_what_is_replayed_may_have_its_own_engine(front: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"method": "generateContent", "model": MODEL, "response": WHOLE}))
    server = await front("tape", engines={"tape": Replay(recordings=str(path))})

    assert json.loads((await server.post(UNARY, asking("x")))[1]) == WHOLE
    assert (await server.post("gemini-1.5-pro:generateContent", asking("x")))[0] == 404
