"""Attachments -> files whose type is known, and whether a model takes so many of them.

Called by ``understand.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geminid.attachment import WHOLE, Attachment, Kind, MediaLimits
from geminid.errors import InvalidArgument
from geminid.media import refusals, sniff
from geminid.media.base import Content, File
from geminid.media.fetch import Fetcher

_HEAD_BYTES = 1024 * 1024
"""Enough to tell text from what is none."""
_SNIFFED_AT_ONCE = 64 * 1024
"""More is looked at in a thread."""
_WEB_IMAGES, _WEB_VIDEOS, _WEB_BYTES = 10, 1, 15 * 1024 * 1024
"""By http(s), of one request; the bytes hold for sound and documents: the reference of ``FileData.file_uri``,
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference#filedata"""


@dataclass(frozen=True, slots=True)
class Found:
    """A file in hand: what it is, and the media type that its bytes say."""

    attachment: Attachment
    content: Content
    kind: Kind
    mime_type: str

    @property
    def size(self) -> int:
        """In bytes."""
        return File(self.content).size

    @property
    def by_web(self) -> bool:
        return self.attachment.uri.lower().startswith(("http://", "https://"))


async def find(attachment: Attachment, fetcher: Fetcher, limits: MediaLimits, owner: str) -> Found:
    """Raises what ``Fetcher.get`` raises, and InvalidArgument for a type that is not supported."""
    if attachment.data is not None:
        file = File(attachment.data)
    else:
        file = await fetcher.get(attachment.uri, limit=limits.file_bytes, owner=owner)
    head = await _head(file.content)
    declared = attachment.mime_type or file.mime_type
    if len(head) > _SNIFFED_AT_ONCE:
        kind, mime_type = await asyncio.to_thread(sniff.kind_of, head, declared)
    else:
        kind, mime_type = sniff.kind_of(head, declared)
    found = Found(attachment, file.content, kind, mime_type)
    _check(found, limits)
    return found


def check_together(founds: Sequence[Found], limits: MediaLimits) -> None:
    """Raises InvalidArgument for more of a kind than the model takes with one request."""
    images = [found for found in founds if found.kind is Kind.IMAGE]
    inline = [found for found in images if found.attachment.data is not None]
    videos = [found for found in founds if found.kind is Kind.VIDEO]
    for counted, limit, of in (
        (images, limits.images, "images"),
        (inline, limits.inline_images, "inline images"),
        (videos, limits.videos, "videos"),
        ([image for image in images if image.by_web], _WEB_IMAGES, "images by URL"),
        ([video for video in videos if video.by_web], _WEB_VIDEOS, "videos by URL"),
    ):
        if len(counted) > limit:
            raise refusals.too_many(len(counted), limit, of)


def _check(found: Found, limits: MediaLimits) -> None:
    if found.kind not in limits.kinds:
        # As the Developer API says it of models that read only.
        raise InvalidArgument(f"{found.kind.value.capitalize()} input modality is not enabled for this model")
    if found.by_web and found.kind in (Kind.AUDIO, Kind.DOCUMENT) and found.size > _WEB_BYTES:
        raise refusals.too_large(found.kind, f"a size of {found.size} bytes", f"{_WEB_BYTES} bytes by URL")
    if found.attachment.window != WHOLE and found.kind not in (Kind.VIDEO, Kind.AUDIO):
        raise refusals.without_time(found.kind)


async def _head(content: Content) -> bytes:
    if isinstance(content, Path):
        return await asyncio.to_thread(_read, content)
    return content[:_HEAD_BYTES]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
