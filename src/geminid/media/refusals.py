"""The words in which media is refused: Google's where they are known, otherwise made alike.

Used by ``sniff.py``, ``workers.py`` and the decoders. No text tells a path, an address or what a decoder said.
"""

from __future__ import annotations

from geminid.errors import InvalidArgument
from geminid.media.base import Kind

_LEARN_MORE = "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
_REPORT = "https://developers.generativeai.google/guide/troubleshooting"


def unsupported(mime_type: str) -> InvalidArgument:
    """A type that no model takes. Google's text, with the type as the caller spelled it."""
    return InvalidArgument(
        f"Unable to submit request because it has a mimeType parameter with value {mime_type}, which is not "
        f"supported. Update the mimeType and try again. Learn more: {_LEARN_MORE}"
    )


def empty() -> InvalidArgument:
    """No bytes at all, and no type that would say what they were to be."""
    return InvalidArgument(
        "Unable to submit request because it has an empty file. Add content to the file and try again. "
        f"Learn more: {_LEARN_MORE}"
    )


def not_valid(kind: Kind) -> InvalidArgument:
    """The bytes are not what they were said to be. For images Google's text."""
    return InvalidArgument(f"Provided {kind.value} is not valid.")


def unprocessable(kind: Kind) -> InvalidArgument:
    """A decoder failed on it. For images Google's text."""
    return InvalidArgument(f"Unable to process input {kind.value}. Please retry or report in {_REPORT}")


def too_slow(kind: Kind) -> InvalidArgument:
    """A decoder had not finished with it when its time was up."""
    return InvalidArgument(f"Unable to process input {kind.value} in time. Provide a simpler file and try again.")


def too_large(kind: Kind, what: str, limit: str) -> InvalidArgument:
    """``what`` and ``limit`` say a measure and its bound in words: ``65000 x 65000 pixels``, ``40 megapixels``."""
    return InvalidArgument(
        f"Unable to submit request because the {kind.value} has {what} but the supported limit is {limit}. "
        f"Update the {kind.value} and try again. Learn more: {_LEARN_MORE}"
    )
