"""Thirty prompts with functions to call, in each mode of functionCallingConfig."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parent / "calls.yaml").read_text("utf-8"))
TEN, FIVE = CASES[::3], CASES[::6]


def names(cases: list[dict[str, Any]]) -> list[str]:
    return [case["name"] for case in cases]


def request(case: dict[str, Any], mode: str, **config: Any) -> dict[str, Any]:
    calling: dict[str, Any] = {"mode": mode}
    if mode in ("ANY", "VALIDATED") and "allowed" in case:
        calling["allowedFunctionNames"] = case["allowed"]
    return {
        "tools": [{"functionDeclarations": case["functions"]}],
        "toolConfig": {"functionCallingConfig": calling},
        "generationConfig": {"seed": 1, "maxOutputTokens": 1024, **config},
    }


def parts_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = answer["candidates"][0]["content"].get("parts", [])
    return parts


def calls_of(parts: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return [(call["name"], call.get("args", {})) for call in calls]


def check(calls: list[tuple[str, Any]], case: dict[str, Any], validate: Any) -> None:
    """That each call is one of those that are allowed, with the arguments that were declared."""
    declared = {function["name"]: function for function in case["functions"]}
    for name, args in calls:
        assert name in case.get("allowed", declared)
        match declared[name]:
            case {"parameters": schema}:
                validate(args, schema=schema)
            case {"parametersJsonSchema": json_schema}:
                validate(args, json_schema=json_schema)
            case _:
                assert args == {}


@pytest.mark.parametrize("case", CASES, ids=names(CASES))
def test_any_always_calls(server: Any, validate: Any, case: dict[str, Any]) -> None:
    answer = server.ask(case["prompt"], **request(case, "ANY"))

    parts = parts_of(answer)
    assert answer["candidates"][0]["finishReason"] == "STOP"
    assert parts
    assert all(part.keys() == {"functionCall"} for part in parts)
    check(calls_of(parts), case, validate)


@pytest.mark.parametrize("case", TEN, ids=names(TEN))
def test_none_never_calls(server: Any, case: dict[str, Any]) -> None:
    answer = server.ask(case["prompt"], **request(case, "NONE", maxOutputTokens=32))

    assert all(part.keys() == {"text"} for part in parts_of(answer))
    assert not any("<tool_call>" in part["text"] for part in parts_of(answer))


@pytest.mark.parametrize("mode", ["AUTO", "VALIDATED"])
@pytest.mark.parametrize("case", TEN, ids=names(TEN))
def test_auto_and_validated_speak_or_call(server: Any, validate: Any, case: dict[str, Any], mode: str) -> None:
    answer = server.ask(case["prompt"], **request(case, mode, maxOutputTokens=64))

    parts = parts_of(answer)
    assert answer["candidates"][0]["finishReason"] in ("STOP", "MAX_TOKENS")
    assert all(part.keys() in ({"text"}, {"functionCall"}) for part in parts)
    assert not any("<tool_call>" in part.get("text", "") for part in parts)
    if mode == "AUTO":
        case = {key: value for key, value in case.items() if key != "allowed"}
    check(calls_of(parts), case, validate)


@pytest.mark.parametrize("case", FIVE, ids=names(FIVE))
def test_a_stream_has_the_same_calls_whole(server: Any, case: dict[str, Any]) -> None:
    unary = server.ask(case["prompt"], **request(case, "ANY"))
    chunks = server.stream(case["prompt"], **request(case, "ANY"))

    streamed = [part for chunk in chunks for part in parts_of(chunk)]
    assert calls_of(streamed) == calls_of(parts_of(unary))
    whole = {"name", "args", "id"}
    assert all(part["functionCall"].keys() <= whole for part in streamed if "functionCall" in part)


@pytest.mark.parametrize("case", FIVE, ids=names(FIVE))
def test_what_the_functions_gave_is_answered(server: Any, case: dict[str, Any]) -> None:
    asked = {"role": "user", "parts": [{"text": case["prompt"]}]}
    called = server.ask([asked], **request(case, "ANY"))["candidates"][0]["content"]
    gave = [
        {"functionResponse": {"name": name, "response": {"output": "done"}}}
        for name, _ in calls_of(called["parts"])
    ]

    answer = server.ask(
        [asked, called, {"role": "user", "parts": gave}], **request(case, "NONE", maxOutputTokens=16)
    )

    assert all(part["text"] for part in parts_of(answer))


def test_there_are_thirty() -> None:
    assert len(CASES) == 30
