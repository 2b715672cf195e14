"""One part of a message's content -> one Gemini part: text, and media inline or by reference.

Pure; nothing is fetched here. Called by ``messages.py``.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes, urlsplit

from geminid.doors.openai.chat import ContentPart, File, InputAudio, MediaURL, refusal
from geminid.wire.content import Blob, FileData, Part, PartMediaResolution, PartMediaResolutionLevel
from geminid.wire.message import Bytes

_MIME_TYPES = {
    "aac": "audio/aac", "aiff": "audio/aiff", "flac": "audio/flac", "m4a": "audio/m4a", "mp3": "audio/mpeg",
    "ogg": "audio/ogg", "opus": "audio/opus", "wav": "audio/wav",
    "gif": "image/gif", "heic": "image/heic", "heif": "image/heif", "jpeg": "image/jpeg", "jpg": "image/jpeg",
    "png": "image/png", "webp": "image/webp",
    "3gp": "video/3gpp", "avi": "video/avi", "flv": "video/x-flv", "mov": "video/quicktime", "mp4": "video/mp4",
    "mpeg": "video/mpeg", "mpg": "video/mpg", "webm": "video/webm", "wmv": "video/wmv",
    "csv": "text/csv", "htm": "text/html", "html": "text/html", "json": "application/json",
    "md": "text/markdown", "pdf": "application/pdf", "txt": "text/plain", "xml": "text/xml",
}  # fmt: skip
"""By the ending of a file's name; the types that Gemini models take.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference#filedata
"""

_SCHEME = re.compile(r"(data:|gs://|https?://)", re.IGNORECASE)
_DATA_HEAD = re.compile(r"data:(?P<type>[^;,]*)(?P<parameters>(?:;[^;,]*)*),", re.IGNORECASE)


def to_part(part: ContentPart, path: str) -> Part:
    """The part of Gemini's. ``path`` names it in refusals. Raises InvalidArgument."""
    match part:
        case ContentPart(type="text", text=str(text)):
            return Part(text=text)
        case ContentPart(type="refusal", refusal=str(text)):
            return Part(text=text)
        case ContentPart(type="image_url", image_url=str(url)):
            return _referred(url, f"{path}.image_url")
        case ContentPart(type="image_url", image_url=MediaURL() as media):
            return _image(media, f"{path}.image_url")
        case ContentPart(type="input_audio", input_audio=InputAudio() as audio):
            return _audio(audio, f"{path}.input_audio.data")
        case ContentPart(type="file", file=File() as file):
            return _file(file, f"{path}.file")
        case ContentPart(type="text" | "refusal" | "image_url" | "input_audio" | "file"):
            raise refusal(f"{path}.{part.type}", "A part has the field that its type names")
    raise refusal(f"{path}.type", f'A part of type "{part.type[:100]}" is not known')


def _image(media: MediaURL, path: str) -> Part:
    part = _referred(media.url, f"{path}.url")
    if media.detail and media.detail != "auto":
        try:
            level = PartMediaResolutionLevel[f"MEDIA_RESOLUTION_{media.detail.upper()}"]
        except KeyError:
            raise refusal(f"{path}.detail", "Expected auto, low, medium, high or ultra_high") from None
        part.media_resolution = PartMediaResolution(level=level)
    return part


def _audio(audio: InputAudio, path: str) -> Part:
    mime_type = audio.format if "/" in audio.format else _mime_type(f".{audio.format}")
    mime_type = mime_type or f"audio/{audio.format or 'wav'}"
    if _SCHEME.match(audio.data):
        return _referred(audio.data, path, mime_type)
    return _inline(mime_type, audio.data, path)


def _file(file: File, path: str) -> Part:
    mime_type = _mime_type(file.filename or "")
    if file.file_data is not None:
        if _SCHEME.match(file.file_data):
            return _referred(file.file_data, f"{path}.file_data", mime_type)
        return _inline(mime_type, file.file_data, f"{path}.file_data")
    if file.file_id is not None:
        return _referred(file.file_id, f"{path}.file_id", mime_type)
    raise refusal(path, "A file has `file_data` or `file_id`")


def _referred(uri: str, path: str, mime_type: str = "") -> Part:
    """Media at a URI. ``mime_type`` is what a reference is taken for when its name does not tell."""
    scheme = _SCHEME.match(uri)
    if scheme is None:
        raise refusal(path, "Expected a URI that starts with data:, gs://, https:// or http://")
    if scheme[0].lower() == "data:":
        return _data(uri, path)
    try:
        name = urlsplit(uri).path
    except ValueError:
        raise refusal(path, "The URI is malformed") from None
    return Part(file_data=FileData(mime_type=mime_type or _mime_type(name), file_uri=uri))


def _data(uri: str, path: str) -> Part:
    """RFC 2397: ``data:image/png;base64,…``, or percent-encoded text without ``;base64``."""
    head = _DATA_HEAD.match(uri)
    if head is None:
        raise refusal(path, "The data URI is malformed")
    mime_type = head["type"].lower() or "text/plain"
    data = uri[head.end() :]
    if head["parameters"].lower().endswith(";base64"):
        return _inline(mime_type, data, path)
    return Part(inline_data=Blob(mime_type=mime_type, data=Bytes(unquote_to_bytes(data))))


def _inline(mime_type: str, data: str, path: str) -> Part:
    try:
        return Part(inline_data=Blob(mime_type=mime_type, data=Bytes.parse(data)))
    except ValueError:
        raise refusal(path, "The data is not base64") from None


def _mime_type(name: str) -> str:
    """Empty where the name does not tell."""
    return _MIME_TYPES.get(name.rpartition(".")[2].lower(), "")
