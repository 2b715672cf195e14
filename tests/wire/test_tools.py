from __future__ import annotations

import pytest

from geminid.wire import json
from geminid.wire.tools import FunctionDeclaration, Schema, Tool, ToolConfig, Type


def test_a_schema_prints_as_it_was_read() -> None:
    body = (
        b'{"type": "OBJECT","items": {"type": "STRING"},"properties": {"a": {"type": "INTEGER"}},'
        b'"example": null,"required": ["a"],"enum": ["x"],"anyOf": [{"nullable": true}],"maxProperties": "7",'
        b'"minimum": 0.0,"minItems": "0","default": [1],"additionalProperties": false,"ref": "#/defs/b",'
        b'"defs": {"b": {"pattern": "^b$"}}}'
    )

    assert json.encode_line(json.decode(Schema, body)) == body


def test_types_are_known_in_lower_case() -> None:
    assert json.decode(Schema, b'{"type": "object"}').type is Type.OBJECT


def test_a_declaration_may_have_a_json_schema() -> None:
    body = b'{"name": "f","parametersJsonSchema": {"type": ["string","null"],"$defs": {}}}'

    assert json.encode_line(json.decode(FunctionDeclaration, body)) == body


@pytest.mark.parametrize(
    "body",
    [
        b'{"googleSearchRetrieval": {"dynamicRetrievalConfig": {"mode": "MODE_DYNAMIC","dynamicThreshold": 0.0}}}',
        b'{"codeExecution": {}}',
        b'{"googleMaps": {"enableWidget": true}}',
        b'{"enterpriseWebSearch": {"blockingConfidence": "BLOCK_ONLY_EXTREMELY_HIGH"}}',
        b'{"googleSearch": {}}',
        b'{"urlContext": {}}',
        b'{"computerUse": {"environment": "ENVIRONMENT_BROWSER"}}',
        b'{"parallelAiSearch": {"apiKey": "k","customConfigs": {"a": 1}}}',
        b'{"exaAiSearch": {"apiKey": "k"}}',
    ],
)
def test_every_built_in_tool_prints_as_it_was_read(body: bytes) -> None:
    assert json.encode_line(json.decode(Tool, body)) == body


def test_how_tools_are_used() -> None:
    body = (
        b'{"functionCallingConfig": {"mode": "ANY","allowedFunctionNames": ["f"]},'
        b'"retrievalConfig": {"latLng": {"latitude": 48.85,"longitude": 2.35},"languageCode": "fr"}}'
    )

    assert json.encode_line(json.decode(ToolConfig, body)) == body
