from __future__ import annotations

import pytest

from geminid.wire import json
from geminid.wire.content import Part


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": ""}',
        b'{"inlineData": {"mimeType": "image/png","data": "+/8="}}',
        b'{"fileData": {"mimeType": "video/mp4","fileUri": "gs://b/v"},"videoMetadata": '
        b'{"startOffset": "1.500s","endOffset": "10s","fps": 0.5}}',
        b'{"functionCall": {"name": "f","args": {"a": [1,2.5,null]},"id": "x"}}',
        b'{"functionCall": {"partialArgs": [{"jsonPath": "$.a","stringValue": ""}],"willContinue": true}}',
        b'{"functionResponse": {"name": "f","response": {},"parts": [{"inlineData": {"displayName": "a.png"}}]}}',
        b'{"executableCode": {"language": "PYTHON","code": "1"}}',
        b'{"codeExecutionResult": {"outcome": "OUTCOME_OK","output": "1"}}',
        b'{"text": "hm","thought": true,"thoughtSignature": "AA=="}',
        b'{"text": "x","mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}}',
    ],
)
def test_every_kind_of_part_prints_as_it_was_read(body: bytes) -> None:
    assert json.encode_line(json.decode(Part, body)) == body
