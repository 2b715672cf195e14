"""The names of cached contents, and whose they are. Pure; called by ``service/caching.py`` and ``cached.py``.

https://cloud.google.com/vertex-ai/generative-ai/docs/context-cache/context-cache-create and
https://ai.google.dev/api/caching for the two forms.
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass

from geminid.errors import InvalidArgument, NotFound

_PARENT = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)")
_NAME = re.compile(rf"(?:{_PARENT.pattern}/)?cachedContents/(?P<id>[^/]+)")

_ID_DIGITS = range(10**18, 2**63)
_ID_CHARACTERS = 24
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Place:
    """Where caches are: a project and a location. The Developer API has the caller's project and no locations."""

    project: str
    location: str = ""

    def name_of(self, cache_id: str) -> str:
        parent = f"projects/{self.project}/locations/{self.location}/" if self.location else ""
        return f"{parent}cachedContents/{cache_id}"

    def new_id(self) -> str:
        """19 digits of a positive int64 as in Vertex AI, letters and digits as in the Developer API."""
        if self.location:
            return str(secrets.choice(_ID_DIGITS))
        return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_CHARACTERS))


def place_of(parent: str, owner: str) -> Place:
    """Of a ``parent``; the Developer API has none, and so the caller's. Raises InvalidArgument."""
    if not parent:
        return Place(owner)
    found = _PARENT.fullmatch(parent)
    if found is None:
        raise InvalidArgument(f"Invalid parent: {parent}.")
    return Place(found["project"], found["location"])


def parsed(name: str, owner: str) -> tuple[Place, str]:
    """The place and the id; ``owner`` is whose it is where the name has no project. Raises InvalidArgument."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise invalid_name(name)
    place = Place(found["project"], found["location"]) if found["project"] else Place(owner)
    return place, found["id"]


def invalid_name(name: str) -> InvalidArgument:
    """For what is no name of a cache, or in the Developer API one of Vertex AI's."""
    return InvalidArgument(f"Invalid CachedContent name: {name}.")


def not_found(cache_id: str) -> NotFound:
    """For one that is not there, and for one that is another's: nothing tells them apart."""
    return NotFound(f"Not found: cached content metadata for {cache_id}.")


def nothing_to_change(cache_id: str) -> NotFound:
    """The same for updates and deletions."""
    return NotFound(f"Cached content {cache_id} is not found.")


def expired(cache_id: str) -> InvalidArgument:
    return InvalidArgument(f"Cache content {cache_id} is expired.")
