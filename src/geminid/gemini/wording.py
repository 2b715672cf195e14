"""The sentence that Vertex AI wraps most refusals of a request in. Pure; called by the siblings that refuse."""

from __future__ import annotations

from geminid.errors import InvalidArgument

_DOCS = "https://cloud.google.com/vertex-ai/generative-ai/docs"
FUNCTION_CALLING = "multimodal/function-calling"


def unable(reason: str, page: str = "model-reference/gemini") -> InvalidArgument:
    """``reason`` has no full stop; ``page`` is the one of Google's documentation that the text points to."""
    return InvalidArgument(f"Unable to submit request because {reason}. Learn more: {_DOCS}/{page}")
