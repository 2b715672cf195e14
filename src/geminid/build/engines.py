"""Settings -> engines, and the registry that says which of them answers for which id."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from msgspec import structs

from geminid import settings as config
from geminid.build.kinds import llama_of, openai_of, scripted_of
from geminid.build.upstreams import replay_of, vertex_of
from geminid.elsewhere.base import Elsewhere
from geminid.engines import weights
from geminid.engines.base import Engine
from geminid.engines.llama_sizing import threads as cores
from geminid.engines.pool import Factory, Policy, Pool
from geminid.engines.weights import Licence, Weights
from geminid.gemini.profiles import Catalogue
from geminid.service.registry import Registry
from geminid.settings import EngineSettings, Settings, SettingsError


def used_engines(settings: Settings) -> list[EngineSettings]:
    """The engines that some id is answered by, the default first, and those that observe for others."""
    return list(dict.fromkeys(settings.engine_of(expression) for expression in used_expressions(settings)))


def used_expressions(settings: Settings) -> list[str]:
    """The engine expressions that name them."""
    chains = [settings.engine, *(model.engine for model in settings.models.values() if model.engine)]
    answering = [expression for chain in chains for expression in config.in_order(chain)]
    return list(dict.fromkeys([*answering, *observing_engines(settings)]))


def observing_engines(settings: Settings) -> list[str]:
    """The engine expressions under ``[media]`` and ``[safety]``."""
    judge = settings.safety.rater.removeprefix("judge:") if settings.safety.rater.startswith("judge:") else ""
    return [one for one in (settings.media.describer, engine_that_hears(settings), judge) if one]


def engine_that_hears(settings: Settings) -> str:
    """``transcriber = "engine:EXPRESSION"``; empty where it is no engine."""
    prefix, _, expression = settings.media.transcriber.partition(":")
    return expression if prefix == "engine" else ""


def used_weights(settings: Settings) -> list[Weights]:
    """The model files that ``serve`` needs before it can start."""
    return [
        weights_named(engine.weights, settings)
        for engine in used_engines(settings)
        if isinstance(engine, config.Llama)
    ]


def known_weights(settings: Settings) -> dict[str, Weights]:
    """The curated list, and on top of it the operator's own ``[weights.NAME]`` tables."""
    own = {
        name: Weights(
            name=name, title=name, source=table.source, sha256=table.sha256, licence=Licence(table.licence),
            context_tokens=table.context_tokens, system=table.system,
        )
        for name, table in settings.weights.items()
    }  # fmt: skip
    return weights.CATALOGUE | weights.OBSERVERS | own


def weights_named(name: str, settings: Settings) -> Weights:
    """Known weights of an engine by their name. Raises SettingsError."""
    known = known_weights(settings)
    if name not in known or name in weights.OBSERVERS:
        raise SettingsError(
            f"{name!r} is neither an engine nor a model that is known. Give llama, scripted[:FILE], an http(s) "
            "address, vertex, replay:PATH, an engine of the configuration file, or a model that `geminid models` "
            "lists."
        )
    return known[name]


def registry_of(settings: Settings, states: Path | None = None) -> Registry:
    """Every engine that is used, built but not started. Raises SettingsError.

    Those that are embedded keep the states of prefixes below the folder ``states``.
    """
    built = {engine: _engine(engine, settings, states) for engine in used_engines(settings)}
    named = {expression: built[settings.engine_of(expression)] for expression in used_expressions(settings)}
    observing = {expression: named[expression] for expression in observing_engines(settings)}
    if elsewhere := [expression for expression, engine in observing.items() if isinstance(engine, Elsewhere)]:
        raise SettingsError(f"{elsewhere[0]!r} answers clients alone, and cannot look at media or judge.")
    own_ids = {model_id: model.like for model_id, model in settings.models.items() if model.like}
    catalogue = Catalogue(own_ids)
    for model_id in settings.models:
        if catalogue.find(model_id) is None:
            raise SettingsError(
                f'model {model_id!r} is not known. Give its table `like = "gemini-1.5-flash-002"` (or another '
                "known id) to say which ranges and limits it has."
            )
    chains = {"": settings.engine} | {
        model_id: model.engine for model_id, model in settings.models.items() if model.engine
    }
    orders = {model_id: config.in_order(chain) for model_id, chain in chains.items()}
    first = {model_id: named[order[0]] for model_id, order in orders.items()}
    return Registry(
        catalogue=catalogue,
        fallback=first.pop(""),
        engines=first,
        observing=observing,
        named=named,
        chains={model_id: order for model_id, order in orders.items() if len(order) > 1},
    )


def _engine(engine: EngineSettings, settings: Settings, states: Path | None) -> Engine:
    replicas = replicas_of(engine, settings, states)
    if replicas is not None:
        assert isinstance(engine, config.OpenAI | config.Llama)
        return Pool(replicas, _policy(engine.pool))
    return _single(engine, settings, states)


def _single(engine: EngineSettings, settings: Settings, states: Path | None) -> Engine:
    match engine:
        case config.Scripted():
            return scripted_of(engine)
        case config.OpenAI():
            return openai_of(engine)
        case config.Llama():
            return llama_of(engine, weights_named(engine.weights, settings), states)
        case config.Vertex():
            return vertex_of(engine)
        case config.Replay():
            return replay_of(engine)
        case _:
            assert_never(engine)


def replicas_of(
    engine: EngineSettings, settings: Settings, states: Path | None = None
) -> Mapping[str, Factory] | None:
    """What makes the replicas of an engine that has some, by names that are the same on every server.

    Raises SettingsError for what cannot be used, before any is made. Embedded ones share their ``states``.
    """
    match engine:
        case config.OpenAI(urls=urls) if urls:
            if engine.url or len(set(urls)) < len(urls):
                raise SettingsError("an engine has one `url`, or several different ones in `urls`.")
            ones = [structs.replace(engine, url=url, urls=(), pool=config.Pool()) for url in urls]
            stall = engine.pool.first_token_seconds
            return {repr(one): functools.partial(openai_of, one, stall) for one in ones}
        case config.Llama(replicas=count) if count > 1:
            model, threads = weights_named(engine.weights, settings), engine.threads or max(1, cores() // count)
            one = structs.replace(engine, threads=threads, replicas=1, pool=config.Pool())
            return {
                f"{one!r} {number}": functools.partial(llama_of, one, model, states) for number in range(count)
            }
        case _:
            return None


def _policy(pool: config.Pool) -> Policy:
    return Policy(
        check_seconds=pool.check_seconds,
        first_event_seconds=pool.first_token_seconds,
        tries=pool.tries,
        hedge_seconds=pool.hedge_seconds,
        failures=pool.failures,
        ejection_seconds=pool.ejection_seconds,
        slow_start_seconds=pool.slow_start_seconds,
        overload=pool.overload,
    )
