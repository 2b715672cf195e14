"""What clients write that the protos of Vertex AI do not declare: names to pass over, spellings to understand.

The names are those that google-genai, Google's older packages and the Developer API use
(https://github.com/googleapis/python-genai, google/ai/generativelanguage/v1beta). Tables, in snake_case; read by
``conform.py`` and ``convert.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from geminid.wire.content import Blob, FileData, FunctionResponse, Part
from geminid.wire.generation import FinishReason, GenerateContentRequest, GenerationConfig
from geminid.wire.message import Message, WireEnum
from geminid.wire.output import ImageConfig, VoiceConfig
from geminid.wire.safety import HarmBlockThreshold, HarmCategory
from geminid.wire.tokens import CountTokensRequest
from geminid.wire.tools import FunctionCallingMode, FunctionDeclaration, GoogleSearch, Tool, ToolConfig

IGNORED: Mapping[type[Message], set[str]] = {
    GenerateContentRequest: {
        "audio_transcription_config", "continuation_token", "output_config", "service_tier", "store",
    },
    GenerationConfig: {
        "audio_transcription_config", "enable_affective_dialog", "enable_enhanced_civic_answers",
        "response_format", "translation_config",
    },
    Part: {
        "audio_metadata", "audio_transcription", "document_metadata", "media_processing", "part_metadata",
        "speech_metadata", "spreadsheet_metadata", "tool_call", "tool_response",
    },
    Blob: {"display_name"},
    FileData: {"display_name"},
    FunctionResponse: {"scheduling", "will_continue"},
    FunctionDeclaration: {"behavior"},
    Tool: {"file_search", "mcp_servers"},
    GoogleSearch: {"time_range_filter"},
    ToolConfig: {"include_server_side_tool_invocations"},
    VoiceConfig: {"voice"},
    ImageConfig: {"prominent_people"},
}  # fmt: skip
"""Fields that are passed over whatever they hold."""

SPREAD: Mapping[type[Message], Mapping[str, type[Message]]] = {
    CountTokensRequest: {"generate_content_request": GenerateContentRequest},
}
"""Fields that hold another message, whose fields count as those of the message around it.

The Developer API counts a whole GenerateContentRequest so.
"""

ENUM_ALIASES: Mapping[type[WireEnum], Mapping[str | int, WireEnum]] = {
    HarmBlockThreshold: {"BLOCK_MED_AND_ABOVE": HarmBlockThreshold.BLOCK_MEDIUM_AND_ABOVE},
    FinishReason: {f"FINISH_REASON_{reason.name}": reason for reason in FinishReason},
    HarmCategory: {
        7: HarmCategory.HARM_CATEGORY_HARASSMENT,
        8: HarmCategory.HARM_CATEGORY_HATE_SPEECH,
        9: HarmCategory.HARM_CATEGORY_SEXUALLY_EXPLICIT,
        10: HarmCategory.HARM_CATEGORY_DANGEROUS_CONTENT,
        11: HarmCategory.HARM_CATEGORY_CIVIC_INTEGRITY,
    },
    FunctionCallingMode: {4: FunctionCallingMode.VALIDATED},
}
"""Names from Vertex AI's reference pages that are not those of the enums, and the Developer API's own numbers.

Those numbers mean nothing else in Vertex AI, so they can be taken everywhere. google-generativeai sends numbers.
"""


def is_ignored(cls: type[Message], name: str) -> bool:
    """Whether a name that ``cls`` does not declare is to be passed over."""
    return snake_case(name) in IGNORED.get(cls, ())


def spread(cls: type[Message], name: str) -> type[Message] | None:
    """The message that a name which ``cls`` does not declare holds, if its fields count as those of ``cls``."""
    return SPREAD.get(cls, {}).get(snake_case(name))


def snake_case(name: str) -> str:
    """``generateContentRequest`` as ``generate_content_request``."""
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), name)
