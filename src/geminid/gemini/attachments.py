"""Parts with media -> attachments: inline or by URI, which stretch of it, how finely seen.

Pure; called by ``turns.py``. What the media is, and whether the model takes so much of it, is told by
``media/understand.py``, which has its bytes.
"""

from __future__ import annotations

from geminid.attachment import WHOLE, Attachment, Resolution, Window
from geminid.gemini.wording import unable
from geminid.wire.content import Part, PartMediaResolutionLevel, VideoMetadata
from geminid.wire.generation import GenerationConfig, MediaResolution
from geminid.wire.message import Duration

FASTEST = 24.0
"""Frames a second, as content.proto says of ``VideoMetadata.fps``."""

_OF_CONFIG = {
    MediaResolution.MEDIA_RESOLUTION_LOW: Resolution.LOW,
    MediaResolution.MEDIA_RESOLUTION_MEDIUM: Resolution.MEDIUM,
    MediaResolution.MEDIA_RESOLUTION_HIGH: Resolution.HIGH,
}
_OF_PART = {
    PartMediaResolutionLevel.MEDIA_RESOLUTION_LOW: Resolution.LOW,
    PartMediaResolutionLevel.MEDIA_RESOLUTION_MEDIUM: Resolution.MEDIUM,
    PartMediaResolutionLevel.MEDIA_RESOLUTION_HIGH: Resolution.HIGH,
    PartMediaResolutionLevel.MEDIA_RESOLUTION_ULTRA_HIGH: Resolution.ULTRA_HIGH,
}


def resolution_of(config: GenerationConfig | None) -> Resolution | None:
    """What holds for all parts that do not say otherwise."""
    return _OF_CONFIG.get(config.media_resolution) if config and config.media_resolution else None


def has_media(part: Part) -> bool:
    return part.inline_data is not None or part.file_data is not None


def check_attached(part: Part, path: str) -> None:
    """Raises InvalidArgument for what says nothing, and for stretches that cannot be."""
    if part.file_data is not None and not part.file_data.file_uri:
        raise unable("it has a fileData without a fileUri. Add the URI of the file and try again", path=path)
    if part.inline_data is not None and not part.inline_data.data:
        raise unable("it has an empty inlineData. Add the data of the file and try again", path=path)
    if part.video_metadata is not None:
        _check_window(part.video_metadata, f"{path}.video_metadata")


def attachment_of(part: Part, path: str, default: Resolution | None = None) -> Attachment | None:
    """None where the part has no media. ``default`` is the resolution that the request asks for."""
    window = _window(part.video_metadata)
    level = part.media_resolution.level if part.media_resolution else None
    resolution = _OF_PART.get(level, default) if level else default
    if (blob := part.inline_data) is not None:
        return Attachment(blob.mime_type, blob.data, "", window, resolution, f"{path}.inline_data")
    if (file := part.file_data) is not None:
        return Attachment(file.mime_type, None, file.file_uri, window, resolution, f"{path}.file_data")
    return None


def _check_window(metadata: VideoMetadata, path: str) -> None:
    window = _window(metadata)
    if not 0 < window.fps <= FASTEST:
        raise unable(
            f"it has a videoMetadata.fps value of {metadata.fps:g} but the supported range is from 0 (exclusive) "
            f"to {FASTEST:g} (inclusive). Update the value and try again",
            path=f"{path}.fps",
        )
    if window.start < 0:
        raise unable("it has a negative videoMetadata.startOffset. Update the value and try again", path=path)
    if window.end is not None and window.end <= window.start:
        raise unable(
            "it has a videoMetadata.endOffset that is not after its startOffset. Update the value and try again",
            path=path,
        )


def _window(metadata: VideoMetadata | None) -> Window:
    if metadata is None:
        return WHOLE
    end = metadata.end_offset
    return Window(
        start=_seconds(metadata.start_offset) if metadata.start_offset else 0.0,
        end=None if end is None or not _seconds(end) else _seconds(end),
        fps=metadata.fps or 1.0,
    )


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
