"""What a turn is made of: contents, their parts, and the data that a part can carry.

The messages of Google's content.proto, with the function calls of tool.proto. Declarations only; what a model
is told besides is in ``generation.py``.
"""

from __future__ import annotations

from geminid.wire.message import Bytes, Duration, Message, Struct, WireEnum, field


class NullValue(WireEnum, proto="google.protobuf.NullValue"):
    """JSON null as an enum; ours prints the name where Google prints ``null``."""

    NULL_VALUE = "NULL_VALUE", 0


class Language(WireEnum, proto="ExecutableCode.Language"):
    """The language of generated code."""

    LANGUAGE_UNSPECIFIED = "LANGUAGE_UNSPECIFIED", 0
    PYTHON = "PYTHON", 1


class Outcome(WireEnum, proto="CodeExecutionResult.Outcome"):
    """How a run of generated code ended."""

    OUTCOME_UNSPECIFIED = "OUTCOME_UNSPECIFIED", 0
    OUTCOME_OK = "OUTCOME_OK", 1
    OUTCOME_FAILED = "OUTCOME_FAILED", 2
    OUTCOME_DEADLINE_EXCEEDED = "OUTCOME_DEADLINE_EXCEEDED", 3


class PartMediaResolutionLevel(WireEnum, proto="Part.MediaResolution.Level"):
    """How finely one part is looked at; higher costs more tokens."""

    MEDIA_RESOLUTION_UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED", 0
    MEDIA_RESOLUTION_LOW = "MEDIA_RESOLUTION_LOW", 1
    MEDIA_RESOLUTION_MEDIUM = "MEDIA_RESOLUTION_MEDIUM", 2
    MEDIA_RESOLUTION_HIGH = "MEDIA_RESOLUTION_HIGH", 3
    MEDIA_RESOLUTION_ULTRA_HIGH = "MEDIA_RESOLUTION_ULTRA_HIGH", 4


class Content(Message):
    """One turn: who speaks (``user``, ``model``, or empty for a single turn) and what."""

    role: str = field(1)
    parts: list[Part] = field(2)


class Part(Message):
    """One piece of a turn. ``data`` is exactly one thing; the other fields describe it."""

    text: str | None = field(1, oneof="data")
    inline_data: Blob | None = field(2, oneof="data")
    file_data: FileData | None = field(3, oneof="data")
    video_metadata: VideoMetadata | None = field(4, oneof="metadata")
    function_call: FunctionCall | None = field(5, oneof="data")
    function_response: FunctionResponse | None = field(6, oneof="data")
    executable_code: ExecutableCode | None = field(8, oneof="data")
    code_execution_result: CodeExecutionResult | None = field(9, oneof="data")
    thought: bool = field(10)
    thought_signature: Bytes = field(11)
    media_resolution: PartMediaResolution | None = field(12)


class Blob(Message):
    """Inline media. The whole request may hold 20 MB, measured as JSON."""

    mime_type: str = field(1)
    data: Bytes = field(2)


class FileData(Message):
    """Media by reference: ``gs://`` or ``https://``."""

    mime_type: str = field(1)
    file_uri: str = field(2)


class VideoMetadata(Message):
    """Which stretch of a video, and ``fps`` frames a second of it: above 0, at most 24, by default 1."""

    start_offset: Duration | None = field(1)
    end_offset: Duration | None = field(2)
    fps: float = field(3)


class PartMediaResolution(Message, proto="Part.MediaResolution"):
    """The media resolution of one part, over that of the GenerationConfig."""

    level: PartMediaResolutionLevel | None = field(1, oneof="value")


class FunctionCall(Message):
    """A call that the model wants made. ``args`` is an object of the declared parameters."""

    name: str = field(1)
    args: Struct | None = field(2)
    id: str = field(3)
    partial_args: list[PartialArg] = field(4)
    will_continue: bool = field(5)


class PartialArg(Message):
    """A piece of one argument of a streamed call, at a JSON path (``$.a.b[0]``)."""

    json_path: str = field(1)
    null_value: NullValue | None = field(2, oneof="delta")
    number_value: float | None = field(3, oneof="delta")
    string_value: str | None = field(4, oneof="delta")
    bool_value: bool | None = field(5, oneof="delta")
    will_continue: bool = field(6)


class FunctionResponse(Message):
    """What a call gave. The keys ``output`` and ``error`` of ``response`` have a meaning."""

    name: str = field(1)
    response: Struct | None = field(2)
    id: str = field(3)
    parts: list[FunctionResponsePart] = field(4)


class FunctionResponsePart(Message):
    """Media inside a function response."""

    inline_data: FunctionResponseBlob | None = field(1, oneof="data")
    file_data: FunctionResponseFileData | None = field(2, oneof="data")


class FunctionResponseBlob(Message):
    """Inline media of a function response; ``display_name`` is how the response refers to it."""

    mime_type: str = field(1)
    data: Bytes = field(2)
    display_name: str = field(4)


class FunctionResponseFileData(Message):
    """Media of a function response by reference."""

    mime_type: str = field(1)
    file_uri: str = field(2)
    display_name: str = field(3)


class ExecutableCode(Message):
    """Code that the model wrote to be run."""

    language: Language | None = field(1)
    code: str = field(2)


class CodeExecutionResult(Message):
    """What running the code gave: standard output, or the error when it failed."""

    outcome: Outcome | None = field(1)
    output: str = field(2)
