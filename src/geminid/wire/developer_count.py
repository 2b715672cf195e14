"""CountTokens as the Developer API asks for it, which counts a whole request and what that names.

The message of google.ai.generativelanguage's generative_service.proto, with the fields of Vertex AI's that clients
send there too. Declarations only. The answer is in ``developer.py``.
"""

from __future__ import annotations

from geminid.wire.content import Content
from geminid.wire.developer import PACKAGE
from geminid.wire.generation import GenerateContentRequest, GenerationConfig
from geminid.wire.message import Message, field
from geminid.wire.tools import Tool


class CountTokensRequest(Message, proto=f"{PACKAGE}.CountTokensRequest"):
    """A prompt to count, or a request whose prompt is counted. 5 and above are Vertex AI's."""

    model: str = field(1)
    contents: list[Content] = field(2)
    generate_content_request: GenerateContentRequest | None = field(3)
    system_instruction: Content | None = field(5)
    tools: list[Tool] = field(6)
    generation_config: GenerationConfig | None = field(7)
