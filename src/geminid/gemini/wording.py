"""The sentence that Vertex AI wraps most refusals of a request in. Pure; called by the siblings that refuse."""

from __future__ import annotations

from geminid.errors import BadRequest, FieldViolation, InvalidArgument

_DOCS = "https://cloud.google.com/vertex-ai/generative-ai/docs"
GEMINI = "model-reference/gemini"
FUNCTION_CALLING = "multimodal/function-calling"
CONTROLLED_GENERATION = "multimodal/control-generated-output"


def unable(reason: str, page: str = GEMINI, *, path: str = "") -> InvalidArgument:
    """``reason`` has no full stop; ``page`` is the one of Google's documentation that the text points to.

    ``path`` is the field at fault, for the details of the error.
    """
    message = f"Unable to submit request because {reason}. Learn more: {_DOCS}/{page}"
    return InvalidArgument(message, *([BadRequest([FieldViolation(path, message)])] if path else []))
