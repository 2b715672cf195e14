"""Hundreds of bodies that are wrong in one place each, made from the declarations of the messages."""

from __future__ import annotations

import io
import json
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from geminid.call import Call, Stream
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.rest import RestDoor
from geminid.wire import routes
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import FieldSpec, Kind, Message, describe

PATH = "/v1/projects/p/locations/l/publishers/google/models/gemini-1.5-flash:generateContent"
DEPTH = 4

WRONG: dict[Kind, list[Any]] = {
    Kind.STRING: [5, True, {"a": 1}],
    Kind.BOOL: ["perhaps", 7, {}],
    Kind.INT32: ["x", 1.5, 2**40, {}],
    Kind.INT64: ["x", 1.5, 2**70, {}],
    Kind.FLOAT: ["hot", {}, True],
    Kind.DOUBLE: ["hot", {}, True],
    Kind.BYTES: ["!!!!", 5, {}],
    Kind.ENUM: ["NO_SUCH_NAME", {}, 1.5],
    Kind.MESSAGE: ["text", 5, True],
    Kind.DURATION: ["3 parsecs", 5],
    Kind.TIMESTAMP: ["yesterday", 5],
    Kind.FIELD_MASK: [5],
    Kind.STRUCT: ["text", 5],
    Kind.VALUE: [],
}


def wrong_messages(cls: type[Message], depth: int = DEPTH) -> Iterator[dict[str, Any]]:
    """JSON objects of a message's form in which one thing is wrong, however deep."""
    yield {"noSuchField": 1}
    for spec in describe(cls).fields:
        for value in wrong_values(spec, depth):
            yield {random.Random(str(value)).choice([spec.json_name, spec.name]): value}


def wrong_values(spec: FieldSpec, depth: int) -> Iterator[Any]:
    values = list(WRONG[spec.kind])
    if spec.kind is Kind.MESSAGE and depth:
        assert isinstance(spec.type, type)
        assert issubclass(spec.type, Message)
        values += wrong_messages(spec.type, depth - 1)
    for value in values:
        if spec.map:
            yield {"key": value}
        else:
            yield [value] if spec.repeated else value
    if not spec.repeated and spec.kind is not Kind.VALUE:
        yield [{}]


def broken_syntax() -> Iterator[bytes]:
    """A good body cut off at every place, and what else is no JSON object."""
    whole = json.dumps({"contents": [{"parts": [{"text": "Hello \u00e9"}], "role": "user"}]}).encode()
    yield from (whole[:end] for end in range(1, len(whole)))
    yield from (whole + tail for tail in (b"}", b"x", whole))
    yield from (b"[]", b"5", b'"text"', b"nul", b"{]", b"{,}", b'{"a" 1}', b"\xff\xfe", b"<xml/>", b"a=b")
    yield from (opening * 100_000 for opening in (b"[", b'{"a":', b"{", b'{"contents":['))
    yield b'{"generationConfig": {"temperature": %s}}' % (b"9" * 5000)
    yield b'{"generationConfig": {"temperature": 1e999}}'
    yield b'{"generationConfig": {"temperature": NaN}}'


BODIES = [json.dumps(body).encode() for body in wrong_messages(GenerateContentRequest)] + list(broken_syntax())


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def unreachable(call: Call) -> Stream:
        raise AssertionError(f"accepted: {call.request!r}")
        yield GenerateContentResponse()

    door = RestDoor(dict.fromkeys(routes.METHODS, unreachable), request_bytes=10**6)
    listener = Listener(door, host="127.0.0.1", port=0, limits=Limits(), drain_seconds=1)
    await listener.start()
    yield f"http://127.0.0.1:{listener.port}{PATH}"
    await listener.stop()


def test_there_are_hundreds() -> None:
    assert len(set(BODIES)) > 300


async def test_each_is_refused_in_googles_form(url: str) -> None:
    wrong = []
    async with aiohttp.ClientSession() as session:
        for body in BODIES:
            async with session.post(url, data=io.BytesIO(body)) as response:
                text = await response.text()
            error = json.loads(text)["error"]
            if response.status != 400 or (error["code"], error["status"]) != (400, "INVALID_ARGUMENT"):
                wrong.append((body[:200], text))
            assert "Traceback" not in text
            assert ".py" not in text

    assert wrong == []
