"""Cached contents: the resource, and the requests of GenAiCacheService.

The messages of Google's cached_content.proto and gen_ai_cache_service.proto. Declarations only.
"""

from __future__ import annotations

from geminid.wire.content import Content
from geminid.wire.message import Duration, FieldMask, Int32, Message, Timestamp, field
from geminid.wire.tools import Tool, ToolConfig


class CachedContent(Message):
    """A prompt's beginning, kept for an hour or as ``ttl`` says. Contents go in and do not come out."""

    name: str = field(1)
    model: str = field(2)
    system_instruction: Content | None = field(3)
    contents: list[Content] = field(4)
    tools: list[Tool] = field(5)
    tool_config: ToolConfig | None = field(6)
    create_time: Timestamp | None = field(7)
    update_time: Timestamp | None = field(8)
    expire_time: Timestamp | None = field(9, oneof="expiration")
    ttl: Duration | None = field(10, oneof="expiration")
    display_name: str = field(11)
    usage_metadata: CachedContentUsageMetadata | None = field(12)
    encryption_spec: EncryptionSpec | None = field(13)


class CachedContentUsageMetadata(Message, proto="CachedContent.UsageMetadata"):
    """How much is cached; durations are seconds."""

    total_token_count: Int32 = field(1)
    text_count: Int32 = field(2)
    image_count: Int32 = field(3)
    video_duration_seconds: Int32 = field(4)
    audio_duration_seconds: Int32 = field(5)


class EncryptionSpec(Message):
    """The customer's key that encrypts a resource."""

    kms_key_name: str = field(1)


class CreateCachedContentRequest(Message):
    """``parent`` is ``projects/{project}/locations/{location}``."""

    parent: str = field(1)
    cached_content: CachedContent | None = field(2)


class GetCachedContentRequest(Message):
    """``name`` is ``projects/{project}/locations/{location}/cachedContents/{id}``."""

    name: str = field(1)


class UpdateCachedContentRequest(Message):
    """Only the expiration can change."""

    cached_content: CachedContent | None = field(1)
    update_mask: FieldMask | None = field(2)


class DeleteCachedContentRequest(Message):
    """``name`` as in GetCachedContentRequest."""

    name: str = field(1)


class ListCachedContentsRequest(Message):
    """``page_size`` is at most 1000; zero leaves it to the server."""

    parent: str = field(1)
    page_size: Int32 = field(2)
    page_token: str = field(3)


class ListCachedContentsResponse(Message):
    """One page; an empty token ends the list."""

    cached_contents: list[CachedContent] = field(1)
    next_page_token: str = field(2)
