"""Settings -> the gates that stand before generation: quotas, and a lane to each engine."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import assert_never

from geminid import settings as config
from geminid.call import Call
from geminid.engines.base import Engine
from geminid.gates.admission import Admission
from geminid.gates.lanes import Lane
from geminid.gates.quotas import Limits, Quotas, Rule
from geminid.service.registry import Registry, Served
from geminid.settings import EngineSettings, Settings
from geminid.storage.records import Buckets
from geminid.wire.generation import GenerateContentRequest

_MANY = 1 << 30
_OF_A_SERVER = 256
"""What vLLM writes at the same time unless it is told otherwise (``--max-num-seqs``)."""

_VERSION = re.compile(r"-\d{3}$")
_REMEMBERED = 1024


def finding(registry: Registry) -> Callable[[Call], Served]:
    """Who will answer a call, as the service finds it."""
    find = functools.lru_cache(_REMEMBERED)(registry.find)

    def served(call: Call) -> Served:
        assert isinstance(call.request, GenerateContentRequest)
        return find(call.request.model)

    return served


def admission_of(served: Callable[[Call], Served], lanes: Mapping[Engine, Lane]) -> Admission:
    return Admission(lambda call: lanes[served(call).engine])


def quotas_of(quotas: config.Quotas, buckets: Buckets, served: Callable[[Call], Served]) -> Quotas | None:
    """None where nothing is limited."""
    rules = [Rule(_limits(quotas)), *(Rule(_limits(rule), rule.project, rule.model) for rule in quotas.rules)]
    if all(rule.limits == Limits() for rule in rules):
        return None
    return Quotas(
        rules, buckets, lambda call: _base(served(call).model.stable), burst_seconds=quotas.burst_seconds
    )


def lanes_of(settings: Settings, registry: Registry) -> dict[Engine, Lane]:
    """One for each engine that answers."""
    seconds = settings.server.wait_seconds
    answering = {registry.fallback: settings.engine_of(settings.engine)}
    for model_id, model in settings.models.items():
        if model.engine:
            answering[registry.engines[model_id]] = settings.engine_of(model.engine)
    return {engine: _lane(engine, told, seconds) for engine, told in answering.items()}


def _lane(engine: Engine, told: EngineSettings, seconds: float) -> Lane:
    places = told.running or _usual(told)
    return Lane(lambda: places or engine.capabilities.slots or _MANY, waiting=told.waiting, seconds=seconds)


def _usual(told: EngineSettings) -> int | None:
    """None where the engine tells it when it is ready, or needs no limit."""
    match told:
        case config.Llama() | config.Scripted():
            return None
        case config.OpenAI():
            return _OF_A_SERVER
        case _:
            assert_never(told)


def _limits(table: config.QuotaLimits) -> Limits:
    return Limits(table.requests_per_minute, table.tokens_per_minute, table.concurrent_requests)


def _base(stable: str) -> str:
    """``gemini-1.5-flash`` of ``gemini-1.5-flash-002``: versions share a quota, as with Google."""
    return _VERSION.sub("", stable)
