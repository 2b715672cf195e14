"""Which kind of server answers at an address, by what only that kind says. Called by ``model_server.py``."""

from __future__ import annotations

import logging

import msgspec

from geminid import errors
from geminid.engines.dialects import DIALECTS, GENERIC, Dialect, Sign
from geminid.engines.server_answers import Models
from geminid.engines.upstream import Upstream

_log = logging.getLogger(__name__)


async def kind_of(upstream: Upstream) -> Dialect:
    """The dialect of the server, ``generic`` where it is of none that is known. Raises Unavailable.

    Only routes without consequences are asked: lists and properties.
    """
    status, body = await upstream.get(upstream.v1 + "/models")
    if status != 200:
        raise errors.Unavailable(errors.UNAVAILABLE)
    owners = _owners(body)
    found = next((dialect for dialect in DIALECTS.values() if dialect.owned_by in owners), None)
    for dialect in DIALECTS.values():
        if found is None and dialect.sign is not None and await _has(upstream, dialect.sign):
            found = dialect
    kind = found or GENERIC
    _log.info("the model server is taken for one of the kind %r", kind.name)
    return kind


def _owners(body: bytes) -> set[str | None]:
    try:
        owners = {model.owned_by for model in msgspec.json.decode(body, type=Models).data}
    except msgspec.DecodeError:
        return set()
    return owners - {None}


async def _has(upstream: Upstream, sign: Sign) -> bool:
    """Some servers answer 200 to whatever they do not know, so that the answer counts."""
    status, body = await upstream.get(upstream.root + sign.path)
    try:
        told = msgspec.json.decode(body) if status == 200 else None
    except msgspec.DecodeError:
        return False
    return isinstance(told, dict) and sign.key in told
