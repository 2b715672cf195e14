"""How many tokens a request may have, by its size alone: cheap enough to ask before it is understood.

Called by ``gates/quotas.py``, which corrects itself by the real count when the call is over.
"""

from __future__ import annotations

from typing import Final

from geminid.wire import json
from geminid.wire.content import Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Message

_BYTES: Final = 4
"""Of text for each token (https://ai.google.dev/gemini-api/docs/tokens)."""
_OTHER: Final = 258
"""Of a part that is no text: what a picture counts (https://ai.google.dev/gemini-api/docs/tokens)."""


def estimated_tokens(request: Message) -> int:
    """The tokens of a prompt, at least 1. Tools and schemas are passed over."""
    if not isinstance(request, GenerateContentRequest):
        return 1
    size = tokens = 0
    instruction = [request.system_instruction] if request.system_instruction else []
    for content in (*instruction, *request.contents):
        for part in content.parts:
            if part.text is not None:
                size += _size(part.text)
            elif _is_media(part):
                tokens += _OTHER
            else:
                size += len(json.encode_line(part))
    return max(1, tokens + size // _BYTES)


def _is_media(part: Part) -> bool:
    return part.inline_data is not None or part.file_data is not None


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
