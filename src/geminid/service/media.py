"""Who the media of a call is for. Called by the services whose requests have contents."""

from __future__ import annotations

from geminid.call import Call
from geminid.media.understand import Reader
from geminid.service.registry import Served


def reader_of(call: Call, served: Served) -> Reader:
    profile, engine = served.model.profile, served.engine
    return Reader(
        engine,
        window=min(profile.input_tokens, engine.capabilities.context_tokens),
        model_window=profile.input_tokens,
        limits=profile.media,
        owner=call.owner,
    )
