"""What media is: what its bytes say, reconciled with the mimeType that the caller declared.

The bytes decide what it is, the declaration what it may be taken for: a JPEG that was declared ``image/png`` is a
JPEG, a PDF that was is refused. Not a validation; decoders do that. Called by ``understand.py``.
"""

from __future__ import annotations

import re

from geminid.attachment import Kind
from geminid.media import refusals, signatures

HEAD_BYTES = 4096
"""How much of a file tells what it is. Of text, give more where there is more: all of it is looked at."""

_KINDS = {
    "image/png": Kind.IMAGE,
    "image/jpeg": Kind.IMAGE,
    "image/webp": Kind.IMAGE,
    "image/gif": Kind.IMAGE,
    "image/bmp": Kind.IMAGE,
    "image/tiff": Kind.IMAGE,
    "image/heic": Kind.IMAGE,
    "image/heif": Kind.IMAGE,
    "application/pdf": Kind.DOCUMENT,
    "audio/mpeg": Kind.AUDIO,
    "audio/wav": Kind.AUDIO,
    "audio/flac": Kind.AUDIO,
    "audio/ogg": Kind.AUDIO,
    "audio/mp4": Kind.AUDIO,
    "audio/aac": Kind.AUDIO,
    "audio/aiff": Kind.AUDIO,
    "audio/webm": Kind.AUDIO,
    "audio/3gpp": Kind.AUDIO,
    "audio/x-ms-wma": Kind.AUDIO,
    "video/mp4": Kind.VIDEO,
    "video/quicktime": Kind.VIDEO,
    "video/mpeg": Kind.VIDEO,
    "video/mp2t": Kind.VIDEO,
    "video/x-msvideo": Kind.VIDEO,
    "video/x-flv": Kind.VIDEO,
    "video/x-ms-wmv": Kind.VIDEO,
    "video/webm": Kind.VIDEO,
    "video/x-matroska": Kind.VIDEO,
    "video/3gpp": Kind.VIDEO,
    "video/ogg": Kind.VIDEO,
}

_ALIASES = {
    # A sample of Google's for Go declares its photograph so.
    "video/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/tif": "image/tiff",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heif",
    "application/x-pdf": "application/pdf",
    "audio/mp3": "audio/mpeg",
    "audio/mpga": "audio/mpeg",
    "audio/mpegps": "audio/mpeg",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "audio/vorbis": "audio/ogg",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-aac": "audio/aac",
    "audio/aacp": "audio/aac",
    "audio/x-aiff": "audio/aiff",
    "video/mov": "video/quicktime",
    "video/mpg": "video/mpeg",
    "video/mpegps": "video/mpeg",
    "video/avi": "video/x-msvideo",
    "video/msvideo": "video/x-msvideo",
    "video/wmv": "video/x-ms-wmv",
    "video/x-ms-asf": "video/x-ms-wmv",
    "video/flv": "video/x-flv",
    "video/mkv": "video/x-matroska",
    "video/m4v": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/3gp": "video/3gpp",
    "video/3gpp2": "video/3gpp",
}

_TEXTS = {
    "application/json",
    "application/xml",
    "application/xhtml+xml",
    "application/javascript",
    "application/x-javascript",
    "application/x-python-code",
    "application/yaml",
    "application/x-yaml",
    "application/csv",
    "application/x-ndjson",
    "application/jsonl",
}

_TEXT = re.compile(r"text/(?:\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})")
"""The names of RFC 6838 and no others: they stand in prompts, outside of what is marked as the file's words."""
_UNSAID = {"", "application/octet-stream", "binary/octet-stream", "*/*"}

_SOUND_OF = {
    "video/mp4": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/webm",
    "video/3gpp": "audio/3gpp",
    "video/ogg": "audio/ogg",
    "video/x-ms-wmv": "audio/x-ms-wma",
    "video/quicktime": "audio/mp4",
}
"""Containers that hold a picture or none: the declaration says which is meant."""
_PICTURE_OF = {"audio/mp4": "video/mp4", "audio/ogg": "video/ogg"}


def kind_of(head: bytes, declared: str) -> tuple[Kind, str]:
    """What the bytes are taken for, and their media type, without parameters.

    ``head`` is the first ``HEAD_BYTES`` or more. Raises InvalidArgument where the type is not supported or the
    bytes are of another kind than declared.
    """
    kind, name = _declared(declared)
    if kind is None:
        return _by_bytes(head)
    if kind is Kind.TEXT:
        return kind, _text(head, name)
    found = signatures.binary_type(head) or signatures.late_type(head)
    if kind is Kind.AUDIO:
        found = _SOUND_OF.get(found or "", found)
    elif kind is Kind.VIDEO:
        found = _PICTURE_OF.get(found or "", found)
    if found is None or _KINDS.get(found) is not kind:
        raise refusals.not_valid(kind)
    return kind, found


def _declared(mime_type: str) -> tuple[Kind | None, str]:
    """The kind and canonical name that it stands for; no kind where it says nothing."""
    name = mime_type.partition(";")[0].strip().lower()
    name = _ALIASES.get(name, name)
    if name in _UNSAID:
        return None, ""
    if name in _KINDS:
        return _KINDS[name], name
    if name in _TEXTS or _TEXT.fullmatch(name):
        return Kind.TEXT, "text/plain" if name == "text/*" else name
    if name in ("image/*", "audio/*", "video/*"):
        return Kind(name.partition("/")[0]), ""
    raise refusals.unsupported(mime_type)


def _by_bytes(head: bytes) -> tuple[Kind, str]:
    if not head:
        raise refusals.empty()
    found = signatures.binary_type(head) or signatures.text_type(head) or signatures.late_type(head)
    if found is None:
        raise refusals.unsupported("application/octet-stream")
    if found.startswith("text/") and found != "text/x-ffconcat":
        return Kind.TEXT, found
    if found not in _KINDS:
        raise refusals.unsupported(found)
    return _KINDS[found], found


def _text(head: bytes, name: str) -> str:
    """Text is what reads as text, whatever it begins with; or, in older encodings, what is nothing else."""
    older = b"\0" not in head and signatures.binary_type(head) is None
    if head and (signatures.is_text(head) or older):
        return name
    raise refusals.empty() if not head else refusals.not_valid(Kind.TEXT)
