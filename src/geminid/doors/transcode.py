"""An HTTP request -> the message of its method: path, query and body, each in its place.

What the doors of Google's own APIs have in common; ``wire/binding.py`` says where the places are.
"""

from __future__ import annotations

from geminid.doors import pump
from geminid.wire import binding, query
from geminid.wire.binding import Bound
from geminid.wire.message import Message


async def request_of(method: Bound, resource: str, query_string: bytes, body: bytes, version: str) -> Message:
    """Raises InvalidArgument in Google's words, with paths from the whole message on."""
    if method.body == binding.WHOLE:
        request = await pump.decode(method.request, body, version)
    else:
        request = query.decode(method.request, query_string, version)
        if method.body:
            part = binding.field_type(method.request, method.body)
            setattr(request, method.body, await pump.decode(part, body, version, method.body))
    binding.bind(method, request, resource)
    return request
