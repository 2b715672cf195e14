"""What a llama.cpp replica is told: the arguments of ``ray_llama.py``, as ``serve_config.py`` writes them."""

from __future__ import annotations

import msgspec

from geminid.engines.weights import Weights


class LlamaOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``key_env`` names the variable, on each node, with the key that clients present; empty for none.

    ``slots`` and ``context_tokens`` of None are chosen by the replica, to fit the memory of its node.
    """

    weights: Weights
    threads: int
    slots: int | None = None
    context_tokens: int | None = None
    projector: str | None = None
    waiting: int = 256
    key_env: str = ""
