"""How the parts of an HTTP request make one message, as a ``google.api.http`` annotation says.

The path fills one field, the body all of the message or one field of it, the query the rest. Used by the tables of
URLs and by the doors that read them.
"""

from __future__ import annotations

import typing
from typing import Protocol

from geminid.wire.message import Message, describe

WHOLE = "*"
"""The body is the message itself."""


class Bound(Protocol):
    """What an annotation says.

    ``request`` is what is made, ``binds`` the field that the path fills (``cached_content.name`` is one of a
    message inside), and ``body`` the field that the body is: ``WHOLE``, or empty where there is no body.
    """

    @property
    def request(self) -> type[Message]: ...

    @property
    def binds(self) -> str: ...

    @property
    def body(self) -> str: ...


def bind(method: Bound, request: Message, resource: str) -> None:
    """Puts what the path names into its field; messages on the way there are made where they are missing."""
    *outer, last = method.binds.split(".")
    message = request
    for name in outer:
        inner = getattr(message, name)
        if inner is None:
            inner = field_type(type(message), name)()
            setattr(message, name, inner)
        message = inner
    if last:
        setattr(message, last, resource)


def resource_of(method: Bound, request: Message) -> str:
    """What a path would name, from a request that came without one; empty where it does not say."""
    value: typing.Any = request
    for name in method.binds.split("."):
        value = getattr(value, name) if value is not None else ""
    return value or ""


def field_type(cls: type[Message], name: str) -> type[Message]:
    """The message that a field holds."""
    found = describe(cls).by_name[name].type
    assert found is not None
    assert issubclass(found, Message)
    return found
