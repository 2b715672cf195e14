"""What is kept of a cache, and how it is spelled: a summary, which is told and counted, and a body, which is used.

The body has the message as it was created and what its media was understood to be, so that nobody fetches or
describes that again. Called by ``caching.py`` and ``cached.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import msgspec

from geminid.attachment import Kind, Media, Picture, Shown, Sound
from geminid.generation import Generation
from geminid.wire import json
from geminid.wire.caching import CachedContent, CachedContentUsageMetadata
from geminid.wire.content import Content, Part


class Summary(msgspec.Struct, frozen=True):
    """``usage`` is what is told, ``tokens`` are by kind. The prefix has so many turns, the last so many pieces."""

    usage: msgspec.Raw
    tokens: dict[str, int]
    turns: int = 0
    pieces: int = 0


def summary_of(prefix: Generation, usage: CachedContentUsageMetadata, tokens: Mapping[Kind, int]) -> bytes:
    """Of a new cache."""
    summary = Summary(
        usage=msgspec.Raw(json.encode(usage, pretty=False)),
        tokens={kind.name: count for kind, count in tokens.items()},
        turns=len(prefix.turns),
        pieces=len(prefix.turns[-1].pieces) if prefix.turns else 0,
    )
    return msgspec.json.encode(summary)


def summary_in(usage: bytes) -> Summary:
    return msgspec.json.decode(usage, type=Summary)


def usage_in(usage: bytes) -> CachedContentUsageMetadata:
    return json.decode(CachedContentUsageMetadata, bytes(summary_in(usage).usage))


@dataclass(frozen=True, slots=True)
class Cached:
    """A body. ``media`` stands for the first attachments of ``content``, whose bytes are not in it any more."""

    content: CachedContent
    media: tuple[Media, ...]


class _Picture(msgspec.Struct, array_like=True, tag="picture"):
    data: bytes
    mime_type: str


class _Sound(msgspec.Struct, array_like=True, tag="sound"):
    data: bytes


_Kept: TypeAlias = str | _Picture | _Sound


class _Media(msgspec.Struct, array_like=True):
    kind: str
    shown: list[_Kept]
    tokens: int | None
    pages: int
    seconds: float


class _Body(msgspec.Struct):
    content: bytes
    media: list[_Media]


def pack(content: CachedContent, prefix: Generation) -> bytes:
    """The body of a new cache; ``prefix`` is its prompt, understood. Takes time where there is much of it."""
    media = [piece for turn in prefix.turns for piece in turn.pieces if isinstance(piece, Media)]
    kept = [
        _Media(one.kind.name, [_kept(each) for each in one.shown], one.tokens, one.pages, one.seconds)
        for one in media
    ]
    return msgspec.msgpack.encode(_Body(json.encode(without_data(content), pretty=False), kept))


def unpack(body: bytes) -> Cached:
    """The opposite. Takes time as ``pack`` does."""
    found = msgspec.msgpack.decode(body, type=_Body)
    media = [
        Media(Kind[one.kind], tuple(map(_shown, one.shown)), one.tokens, one.pages, one.seconds)
        for one in found.media
    ]
    return Cached(json.decode(CachedContent, found.content), tuple(media))


def without_data(content: CachedContent) -> CachedContent:
    """The same with the hashes of files in the place of the files: enough to tell one from another."""
    return msgspec.structs.replace(content, contents=[_without_data(one) for one in content.contents])


def _without_data(content: Content) -> Content:
    return msgspec.structs.replace(content, parts=[_hashed(part) for part in content.parts])


def _hashed(part: Part) -> Part:
    if part.inline_data is None or not part.inline_data.data:
        return part
    digest = type(part.inline_data.data)(hashlib.sha256(part.inline_data.data).digest())
    return msgspec.structs.replace(part, inline_data=msgspec.structs.replace(part.inline_data, data=digest))


def needs(media: Sequence[Media]) -> tuple[bool, bool]:
    """Whether only an engine that sees can be given it, and whether only one that hears."""
    kinds = {type(each) for one in media for each in one.shown}
    return Picture in kinds, Sound in kinds


def _kept(shown: Shown) -> _Kept:
    match shown:
        case str():
            return shown
        case Picture():
            return _Picture(shown.data, shown.mime_type)
        case Sound():
            return _Sound(shown.data)
        case _:
            assert_never(shown)


def _shown(kept: _Kept) -> Shown:
    match kept:
        case str():
            return kept
        case _Picture():
            return Picture(kept.data, kept.mime_type)
        case _Sound():
            return Sound(kept.data)
        case _:
            assert_never(kept)
