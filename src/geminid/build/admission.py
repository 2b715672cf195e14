"""Settings -> the gates that stand before generation: quotas, and a lane to each engine."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import assert_never

from geminid import settings as config
from geminid.build.stores import Stores
from geminid.call import Call
from geminid.engines.base import Engine
from geminid.gates.admission import Admission
from geminid.gates.at_once import AtOnce, LocalCount, SharedCount
from geminid.gates.lanes import Lane
from geminid.gates.local_buckets import LocalBuckets
from geminid.gates.quotas import Limits, Quotas, Rule
from geminid.gates.reach import Reach
from geminid.gates.shared_buckets import SharedBuckets
from geminid.service.registry import Registry, Served
from geminid.settings import EngineSettings, Settings
from geminid.storage.records import Buckets
from geminid.wire.generation import GenerateContentRequest

_OF_A_SERVER = 256
"""What vLLM writes at the same time unless it is told otherwise (``--max-num-seqs``)."""

_VERSION = re.compile(r"-\d{3}$")
_REMEMBERED = 1024


def finding(registry: Registry) -> Callable[[Call], Served]:
    """Who will answer a call, as the service finds it."""
    find = functools.lru_cache(_REMEMBERED)(registry.find)

    def served(call: Call) -> Served:
        assert isinstance(call.request, GenerateContentRequest)
        return find(call.request.model, call.attempt)

    return served


def admission_of(served: Callable[[Call], Served], lanes: Mapping[Engine, Lane]) -> Admission:
    return Admission(lambda call: lanes[served(call).engine])


def quotas_of(quotas: config.Quotas, stores: Stores, served: Callable[[Call], Served]) -> Quotas | None:
    """None where nothing is limited."""
    rules = [Rule(_limits(quotas)), *(Rule(_limits(rule), rule.project, rule.model) for rule in quotas.rules)]
    if all(rule.limits == Limits() for rule in rules):
        return None
    buckets, at_once = _counted(stores, alone=quotas.when_unreachable == "allow")
    return Quotas(
        rules,
        buckets,
        lambda call: _base(served(call).model.stable),
        at_once=at_once,
        burst_seconds=quotas.burst_seconds,
    )


def _counted(stores: Stores, *, alone: bool) -> tuple[Buckets, AtOnce]:
    """By this server, or by all that share a database; ``alone`` while that is out of reach."""
    if stores.shares is None:
        return stores.buckets, LocalCount()
    reach = Reach()
    buckets = SharedBuckets(stores.buckets, LocalBuckets() if alone else None, reach)
    return buckets, SharedCount(stores.shares, reach, alone=alone)


def lanes_of(settings: Settings, registry: Registry) -> dict[Engine, Lane]:
    """One for each engine that answers, named after the first id that it answers for, or ``default``."""
    answering = {registry.fallback: ("default", config.in_order(settings.engine)[0])}
    for model_id, model in settings.models.items():
        if model.engine:
            answering.setdefault(registry.engines[model_id], (model_id, config.in_order(model.engine)[0]))
    for chain in registry.chains.values():
        for expression in chain:
            answering.setdefault(registry.named[expression], (expression, expression))
    return {
        engine: _lane(engine, name, settings.engine_of(expression), settings.server.wait_seconds)
        for engine, (name, expression) in answering.items()
    }


def _lane(engine: Engine, name: str, told: EngineSettings, seconds: float) -> Lane:
    places = told.running or _usual(told)
    return Lane(
        lambda: places or engine.capabilities.slots or math.inf, waiting=told.waiting, seconds=seconds, name=name
    )


def _usual(told: EngineSettings) -> int | None:
    """None where the engine tells it when it is ready, or needs no limit."""
    match told:
        case config.Llama() | config.Scripted() | config.Vertex() | config.Replay():
            return None
        case config.OpenAI():
            return _OF_A_SERVER * len(told.addresses)
        case _:
            assert_never(told)


def _limits(table: config.QuotaLimits) -> Limits:
    return Limits(table.requests_per_minute, table.tokens_per_minute, table.concurrent_requests)


def _base(stable: str) -> str:
    """``gemini-1.5-flash`` of ``gemini-1.5-flash-002``: versions share a quota, as with Google."""
    return _VERSION.sub("", stable)
