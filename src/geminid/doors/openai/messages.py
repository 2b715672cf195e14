"""The messages of a chat -> Gemini's contents and system instruction.

System messages are taken out of the order, the answers of tools get the names of the functions that were called,
and those that follow each other become one turn. Pure; called by ``request.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from geminid.doors.openai.chat import (
    CalledFunction,
    ChatMessage,
    ExtraContent,
    GoogleContent,
    ToolCall,
    check_depth,
    refusal,
)
from geminid.doors.openai.parts import to_part
from geminid.wire.content import Content, FunctionCall, FunctionResponse, Part
from geminid.wire.message import Bytes


class Transcript:
    """Messages told one by one. ``contents`` and ``system`` are what they come to."""

    def __init__(self, messages: Iterable[ChatMessage]) -> None:
        self.contents: list[Content] = []
        self.system: list[Part] = []
        self._called: dict[str, str] = {}
        self._answers: Content | None = None
        for index, message in enumerate(messages):
            self._tell(message, f"messages[{index}]")

    def _tell(self, message: ChatMessage, path: str) -> None:
        match message.role:
            case "tool" | "function":
                self._answer(message, path)
                return
            case "system" | "developer":
                self.system += _parts(message, path)
                return
            case "user":
                self.contents.append(Content(role="user", parts=_parts(message, path)))
            case "assistant":
                self.contents.append(Content(role="model", parts=self._said(message, path)))
            case _:
                raise refusal(f"{path}.role", "Expected system, developer, user, assistant, tool or function")
        self._answers = None

    def _said(self, message: ChatMessage, path: str) -> list[Part]:
        """What the model said and called. An answer of nothing, as a filter leaves it, is an empty text."""
        parts = _parts(message, path) if message.content else []
        if parts:
            _mark(parts[-1], message.extra_content, path)
        for index, call in enumerate(message.tool_calls or ()):
            parts.append(self._call(call, f"{path}.tool_calls[{index}]"))
        if message.function_call:
            parts.append(Part(function_call=_function_call(message.function_call, f"{path}.function_call")))
        return parts or [Part(text="")]

    def _call(self, call: ToolCall, path: str) -> Part:
        if call.function is None:
            raise refusal(f"{path}.function", "Only calls of functions are known")
        function_call = _function_call(call.function, f"{path}.function")
        if call.id:
            function_call.id = call.id
            self._called[call.id] = call.function.name
        part = Part(function_call=function_call)
        _mark(part, call.extra_content, path)
        return part

    def _answer(self, message: ChatMessage, path: str) -> None:
        call_id = message.tool_call_id or ""
        name = self._called.get(call_id) or message.name
        if not name:
            raise refusal(f"{path}.tool_call_id", "No message before this one has a tool call with this id")
        response = _response("".join(part.text or "" for part in _parts(message, path)))
        answer = Part(function_response=FunctionResponse(name=name, response=response, id=call_id))
        if self._answers is None:
            self._answers = Content(role="user")
            self.contents.append(self._answers)
        self._answers.parts.append(answer)


def _parts(message: ChatMessage, path: str) -> list[Part]:
    if message.content is None:
        raise refusal(f"{path}.content", "Expected `str | array`, got `null`")
    if isinstance(message.content, str):
        return [Part(text=message.content)]
    return [to_part(part, f"{path}.content[{index}]") for index, part in enumerate(message.content)]


def _mark(part: Part, extra: ExtraContent | None, path: str) -> None:
    """Gives a part back what Google said of it in an earlier answer."""
    google = extra.google if extra and extra.google else GoogleContent()
    if google.thought:
        part.thought = True
    if google.thought_signature:
        try:
            part.thought_signature = Bytes.parse(google.thought_signature)
        except ValueError:
            where = f"{path}.extra_content.google.thought_signature"
            raise refusal(where, "The signature is not base64") from None


def _function_call(function: CalledFunction, path: str) -> FunctionCall:
    where = f"{path}.arguments"
    arguments = _plain(function.arguments) if isinstance(function.arguments, str) else function.arguments
    if arguments is not None and not isinstance(arguments, dict):
        raise refusal(where, "Expected the text of a JSON object")
    check_depth(arguments, where)
    return FunctionCall(name=function.name, args=arguments)


def _response(text: str) -> dict[str, Any]:
    """A result that is a JSON object as it is; any other text under the key that Gemini reads results from."""
    plain = _plain(text)
    return plain if isinstance(plain, dict) else {"output": text}


def _plain(text: str) -> Any:
    """The value of a JSON text, None for an empty one; what is no JSON stays the text."""
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text
