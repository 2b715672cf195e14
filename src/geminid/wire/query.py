"""Query parameters -> a message: how requests without a body are read, such as ``GET …/models?pageSize=10``.

The same rules and words as for JSON, and like Google's front end it passes over parameters that mean nothing to
the method (``$alt``, ``key``, ``prettyPrint``).
"""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import parse_qsl

from geminid.wire.conform import conform
from geminid.wire.message import Message, describe

_M = TypeVar("_M", bound=Message)


def decode(cls: type[_M], query: bytes, version: str = "v1") -> _M:
    """The message that a raw query string says. Raises InvalidArgument in Google's words."""
    declared = describe(cls).by_name
    asked = parse_qsl(query.decode("latin-1"))
    return conform(cls, {name: value for name, value in asked if name in declared}, version)
