"""Function calls as plain text: how functions are told to a model, and how its calls are written and read.

For engines whose server has no tool format of its own. The format is Hermes's, which Qwen and most small open
models were taught (https://github.com/NousResearch/Hermes-Function-Calling); ``geminid.grammar`` writes the same.
It is pure: ``engines/`` calls it when it writes a request and when it reads the answer.
"""

from __future__ import annotations

import json
import re
from typing import Any, assert_never

from geminid import marks
from geminid.generation import (
    Calling,
    Choices,
    Constraint,
    Function,
    FunctionCall,
    FunctionResponse,
    JsonSchema,
    Tools,
)
from geminid.grammar import CALL_CLOSES, CALL_OPENS

_HOW_TO_CALL = f"""\
To call a function, write its name and its arguments as one JSON object between {CALL_OPENS} and {CALL_CLOSES}. \
For several calls, write one after another:
{CALL_OPENS}
{{"name": <name of the function>, "arguments": <JSON object of its arguments>}}
{CALL_CLOSES}

What a call gave is told between <tool_response> and </tool_response>."""


def instructions(tools: Tools) -> str:
    """What the system prompt says of the functions that may be called, and of how to call them."""
    match tools.calling:
        case Calling.ANY:
            must = "Answer with one or more calls and nothing else."
        case Calling.AUTO | Calling.VALIDATED:
            must = "Where no function helps, answer in plain words without a call."
        case _:
            assert_never(tools.calling)
    declared = "\n".join(map(_declared, tools.callable))
    return f"""\
# Tools

You can call functions to do what the user asks. These are the functions, each as a JSON object on a line:
<tools>
{declared}
</tools>

{_HOW_TO_CALL} {must}"""


def schema_instructions(constraint: Constraint) -> str:
    """What the system prompt says of the form of the answer: a model writes better what it knows it must."""
    match constraint:
        case JsonSchema(schema) if not schema:
            return "Answer with one JSON value and nothing else."
        case JsonSchema(schema):
            must = "Answer with one JSON value that follows this JSON Schema, and nothing else:"
            return f"{must}\n<schema>\n{_json(dict(schema))}\n</schema>"
        case Choices(texts):
            return "Answer with exactly one of these, and nothing else:\n" + "\n".join(texts)
        case _:
            assert_never(constraint)


def written(call: FunctionCall) -> str:
    """A call of an earlier turn, as the model would have written it."""
    return f"{CALL_OPENS}\n{_json({'name': call.name, 'arguments': dict(call.args)})}\n{CALL_CLOSES}"


def answered(response: FunctionResponse) -> str:
    """What a call gave, for the turn of the user after it."""
    told = _json({"name": response.name, "content": dict(response.response)})
    return f"<tool_response>\n{told}\n</tool_response>"


class CallReader:
    """Parts the text of an answer from its calls while it is generated. Calls come after all text.

    White space in front of the first call belongs to neither: a client wants no part of a mere line break.
    """

    def __init__(self) -> None:
        self._held = ""
        self._kept: list[str] | None = None

    def feed(self, text: str) -> str:
        """The text that may be passed on now. What may begin a call is held back, and from there on everything."""
        if self._kept is not None:
            self._kept.append(text)
            return ""
        text = self._held + text
        found = text.find(CALL_OPENS)
        if found >= 0:
            self._held, self._kept = "", [text[found:]]
            return text[:found].rstrip()
        passed = _sure(text)
        self._held = text[passed:]
        return text[:passed]

    def flush(self) -> str:
        """What was held back, once the engine has finished: it was no call after all."""
        held, self._held = self._held, ""
        return held

    def calls(self, complete: bool) -> tuple[list[FunctionCall], str | None]:
        """The calls, without ids, and the text from the first on that is none; None when all is well.

        ``complete`` is False for an answer that was cut short: a last call that is cut with it is no fault. The
        time it takes is linear in the length of the text, whatever the text is.
        """
        text, at, calls = "".join(self._kept or ()), 0, list[FunctionCall]()
        while at < len(text):
            read = _call_at(text, at)
            if read is None:
                cut = not complete and CALL_CLOSES not in text[at:]
                return calls, None if cut else text[at:]
            call, at = read
            calls.append(call)
        return calls, None


_LONGEST_GAP = 16
"""How much white space is held back, in characters; a model that writes nothing else would be kept for ever."""

_OPENS = re.compile(rf"\s*{re.escape(CALL_OPENS)}\s*")
_CLOSES = re.compile(rf"\s*(?:{re.escape(CALL_CLOSES)}\s*|\Z)")
_DECODER = json.JSONDecoder()


def _sure(text: str) -> int:
    """How much of the text can neither begin a call nor be the white space in front of one."""
    end = len(text) - marks.begun(text, (CALL_OPENS,))
    gap = text[max(0, end - _LONGEST_GAP) : end]
    return end - len(gap) + len(gap.rstrip())


def _call_at(text: str, at: int) -> tuple[FunctionCall, int] | None:
    """The call at a place, and where it ends. The closing tag may be missing at the end of the text."""
    opens = _OPENS.match(text, at)
    if opens is None:
        return None
    try:
        value, end = _DECODER.raw_decode(text, opens.end())
        call = _call(value)
    except (ValueError, RecursionError):
        return None
    closes = _CLOSES.match(text, end)
    return (call, closes.end()) if call and closes else None


def _call(value: Any) -> FunctionCall | None:
    """Raises ValueError for numbers and characters that JSON has not, which Python's decoder lets pass."""
    match value:
        case {"name": str(name), "arguments": dict(args)} | {"name": str(name), "parameters": dict(args)}:
            json.dumps([name, args], ensure_ascii=False, allow_nan=False).encode()
            return FunctionCall(name, args)
    return None


def _declared(function: Function) -> str:
    description = {"description": function.description} if function.description else {}
    return _json({"name": function.name, **description, "parameters": dict(function.parameters)})


def _json(value: object) -> str:
    """On one line, spaced as the grammar has it."""
    return json.dumps(value, ensure_ascii=False)
