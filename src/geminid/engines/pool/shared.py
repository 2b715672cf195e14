"""What all replicas of a pool can do. Called by ``pool/__init__.py``; pure."""

from __future__ import annotations

from collections.abc import Sequence

from geminid.engines.base import Capabilities


def able_of_all(each: Sequence[Capabilities], slots: Sequence[int | None]) -> Capabilities:
    """What none of them lacks. ``slots`` are those of the replicas that get calls, added up if all are known."""
    if not each:
        return Capabilities(1, counts_tokens=False)
    known = [count for count in slots if count is not None]
    return Capabilities(
        context_tokens=min(able.context_tokens for able in each),
        counts_tokens=all(able.counts_tokens for able in each),
        top_k=all(able.top_k for able in each),
        seed=all(able.seed for able in each),
        penalties=all(able.penalties for able in each),
        embeds=all(able.embeds for able in each),
        top_logprobs=min(able.top_logprobs for able in each),
        average_logprobs=all(able.average_logprobs for able in each),
        choices=all(able.choices for able in each),
        sees=all(able.sees for able in each),
        hears=all(able.hears for able in each),
        scripted=all(able.scripted for able in each),
        slots=sum(known) if len(known) == len(slots) else None,
    )
