"""The body of a chat completion request: what is read of it, typed, and its refusals.

The names are those of https://platform.openai.com/docs/api-reference/chat/create, with the fields that Google
adds. Null means absent, and what is not declared here is passed over, as Google does. Read by the siblings of
this file.
"""

from __future__ import annotations

from typing import Any

import msgspec

from geminid.errors import FieldViolation, InvalidArgument
from geminid.wire import lenient
from geminid.wire.message import Float32, Int32


class _Body(msgspec.Struct, kw_only=True):
    """Base of the declarations: fields by name, unknown ones ignored."""


class GoogleContent(_Body):
    """What Google adds to a message or a call. ``thought_signature`` is base64."""

    thought: bool | None = None
    thought_signature: str | None = None


class ExtraContent(_Body):
    google: GoogleContent | None = None


class MediaURL(_Body):
    """``detail`` is ``auto`` or a level of media resolution."""

    url: str
    detail: str | None = None


class InputAudio(_Body):
    """``data`` is base64 or a URI; ``format`` a MIME type or what follows ``audio/`` in one."""

    data: str
    format: str = ""


class File(_Body):
    """``file_data`` is a data URI or base64, ``file_id`` a URI."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ContentPart(_Body):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | MediaURL | None = None
    input_audio: InputAudio | None = None
    file: File | None = None


class CalledFunction(_Body):
    """``arguments`` is the text of a JSON object, or the object."""

    name: str
    arguments: str | dict[str, Any] | None = None


class ToolCall(_Body):
    id: str | None = None
    function: CalledFunction | None = None
    extra_content: ExtraContent | None = None


class ChatMessage(_Body):
    role: str
    content: str | list[ContentPart] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None
    function_call: CalledFunction | None = None
    extra_content: ExtraContent | None = None


class Function(_Body):
    """A declaration; ``parameters`` is a JSON Schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ChatTool(_Body):
    type: str = "function"
    function: Function | None = None


class FunctionName(_Body):
    name: str


class AllowedTool(_Body):
    function: FunctionName | None = None


class AllowedTools(_Body):
    """``mode`` is ``auto`` or ``required``."""

    mode: str = "auto"
    tools: list[AllowedTool] = []


class NamedToolChoice(_Body):
    """One function that must be called, or the functions that may be."""

    type: str = "function"
    function: FunctionName | None = None
    allowed_tools: AllowedTools | None = None


class JsonSchema(_Body):
    schema: dict[str, Any] | None = None


class ResponseFormat(_Body):
    type: str
    json_schema: JsonSchema | None = None


class StreamOptions(_Body):
    include_usage: bool | None = None


class ExtraBody(_Body):
    google: dict[str, Any] | None = None


class ChatRequest(_Body):
    """The whole body. The fields from ``google`` on are Google's."""

    model: str = ""
    messages: list[ChatMessage] = []
    frequency_penalty: Float32 | None = None
    function_call: str | FunctionName | None = None
    functions: list[Function] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Int32 | None = None
    max_tokens: Int32 | None = None
    modalities: list[str] | None = None
    n: Int32 | None = None
    parallel_tool_calls: bool | None = None
    presence_penalty: Float32 | None = None
    reasoning_effort: str | None = None
    response_format: ResponseFormat | None = None
    seed: Int32 | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Float32 | None = None
    tool_choice: str | NamedToolChoice | None = None
    tools: list[ChatTool] | None = None
    top_logprobs: Int32 | None = None
    top_p: Float32 | None = None
    web_search_options: dict[str, Any] | None = None
    google: dict[str, Any] | None = None
    extra_body: ExtraBody | None = None

    @property
    def extension(self) -> dict[str, Any]:
        """Google's own fields, which clients put at the top or into ``extra_body``."""
        nested = self.extra_body.google if self.extra_body else None
        return (self.google or {}) | (nested or {})


_decoder = msgspec.json.Decoder(ChatRequest)


def decode(body: bytes) -> ChatRequest:
    """The request that a body says; broken JSON is read as leniently as on Gemini's own paths.

    Raises InvalidArgument that names the field.
    """
    try:
        try:
            return _decoder.decode(body)
        except msgspec.ValidationError:
            raise
        except (ValueError, RecursionError):
            return msgspec.convert(lenient.parse(body.decode("utf-8-sig", "replace")), ChatRequest)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        raise refusal(path.strip(".`"), problem) from None


def refusal(path: str, problem: str) -> InvalidArgument:
    """The error for one field; ``path`` is where it stands (``messages[0].content``)."""
    where = f" at '{path}'" if path else ""
    return InvalidArgument.of([FieldViolation(path, f"Invalid value{where}: {problem}.")])


def check_depth(value: Any, path: str) -> None:
    """Refuses objects and arrays that nest deeper than anywhere else in the API."""
    level = [value]
    for _ in range(lenient.MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    raise refusal(path, f"Nested deeper than {lenient.MAX_DEPTH} levels")


def _children(value: Any) -> list[Any]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
    return []
