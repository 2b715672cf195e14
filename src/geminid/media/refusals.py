"""The words in which media is refused: Google's where they are known, otherwise made alike.

Used by ``sniff.py``, ``workers.py`` and the decoders. No text tells a path, an address or what a decoder said.
"""

from __future__ import annotations

from geminid.attachment import Kind
from geminid.errors import InvalidArgument, Unimplemented

_LEARN_MORE = "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
_REPORT = "https://developers.generativeai.google/guide/troubleshooting"
_SHOWN = 300
"""Characters."""


def shown(text: str) -> str:
    """What a caller sent as it may stand in a message: what cannot be printed is escaped, what is long is cut."""
    printable = text if text.isprintable() else ascii(text)[1:-1]
    return printable if len(printable) <= _SHOWN else printable[:_SHOWN] + "…"


def unsupported(mime_type: str) -> InvalidArgument:
    """A type that no model takes. Google's text, with the type as the caller spelled it."""
    return InvalidArgument(
        f"Unable to submit request because it has a mimeType parameter with value {shown(mime_type)}, which is "
        f"not supported. Update the mimeType and try again. Learn more: {_LEARN_MORE}"
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


def too_many(count: int, limit: int, of: str) -> InvalidArgument:
    """``of`` is what was counted: ``images``."""
    return InvalidArgument(
        f"Unable to submit request because it has {count} {of} but the supported limit is {limit}. "
        f"Remove some and try again. Learn more: {_LEARN_MORE}"
    )


def without_time(kind: Kind) -> InvalidArgument:
    """``videoMetadata`` for what has no duration."""
    return InvalidArgument(
        f"Unable to submit request because it has videoMetadata for a file of the type {kind.value}. Remove it "
        f"and try again. Learn more: {_LEARN_MORE}"
    )


def lacking(kind: Kind, what: str, remedy: str) -> Unimplemented:
    """Something that is not installed here. ``remedy`` says what to do about it, mostly a command."""
    return Unimplemented(
        f"Unable to process input {kind.value}: {what} is not installed on this server. Install it with: {remedy}"
    )
