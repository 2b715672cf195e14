"""The gateways that ``peers.py`` measures, a module each: how one is had, started and asked.

To add one, write its module and list it here. None is a dependency of geminid.
"""

from __future__ import annotations

from gateways import aimock, bifrost, cliproxyapi, litellm, ours, smg
from gateways.base import Gateway

GATEWAYS: dict[str, Gateway] = {
    gateway.name: gateway
    for gateway in (
        ours.GEMINID,
        litellm.LITELLM,
        bifrost.BIFROST,
        cliproxyapi.CLIPROXYAPI,
        smg.SMG,
        ours.SCRIPTED,
        aimock.AIMOCK,
    )
}
