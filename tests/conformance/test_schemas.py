"""Sixty schemas of growing difficulty: each answer validates, in the order asked for, and comes soon."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parent / "schemas.yaml").read_text("utf-8"))
SECONDS = 45
"""On a machine with nothing else to do, none takes ten."""


def config(case: dict[str, Any]) -> dict[str, Any]:
    match case:
        case {"enum": texts}:
            return {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": texts}}
        case {"schema": schema}:
            return {"responseMimeType": "application/json", "responseSchema": schema}
        case _:
            return {"responseMimeType": "application/json", "responseJsonSchema": case["json_schema"]}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_answer_is_what_the_schema_asks_for(server: Any, validate: Any, case: dict[str, Any]) -> None:
    began = time.monotonic()
    answer = server.ask(case["prompt"], generationConfig={"seed": 1, "maxOutputTokens": 1024, **config(case)})
    seconds = time.monotonic() - began

    (candidate,) = answer["candidates"]
    text = "".join(part["text"] for part in candidate["content"]["parts"])
    assert candidate["finishReason"] == "STOP", text
    if "enum" in case:
        assert text in case["enum"]
    else:
        schema = {form: case[form] for form in ("schema", "json_schema") if form in case}
        validate(json.loads(text), **schema, ordered=True)
    assert seconds < SECONDS


def test_there_are_sixty() -> None:
    assert len(CASES) == 60
