"""Settings -> engines, and the registry that says which of them answers for which id."""

from __future__ import annotations

import os
from pathlib import Path
from typing import assert_never

from geminid import settings as config
from geminid.engines import weights
from geminid.engines.base import Engine
from geminid.engines.scripted import Script, Scripted, ScriptError
from geminid.engines.weights import Licence, Weights
from geminid.gemini.profiles import Catalogue
from geminid.service.registry import Registry
from geminid.settings import EngineSettings, Settings, SettingsError


def used_engines(settings: Settings) -> list[EngineSettings]:
    """The engines that some id is answered by, the default first, and those that observe for others."""
    answering = [settings.engine, *(model.engine for model in settings.models.values() if model.engine)]
    expressions = [*answering, *observing_engines(settings)]
    return list(dict.fromkeys(settings.engine_of(expression) for expression in expressions))


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
            "address, an engine of the configuration file, or a model that `geminid models` lists."
        )
    return known[name]


def registry_of(settings: Settings) -> Registry:
    """Every engine that is used, built but not started. Raises SettingsError."""
    built = {engine: _engine(engine, settings) for engine in used_engines(settings)}
    own_ids = {model_id: model.like for model_id, model in settings.models.items() if model.like}
    catalogue = Catalogue(own_ids)
    for model_id in settings.models:
        if catalogue.find(model_id) is None:
            raise SettingsError(
                f'model {model_id!r} is not known. Give its table `like = "gemini-1.5-flash-002"` (or another '
                "known id) to say which ranges and limits it has."
            )
    return Registry(
        catalogue=catalogue,
        fallback=built[settings.engine_of(settings.engine)],
        observing={
            expression: built[settings.engine_of(expression)] for expression in observing_engines(settings)
        },
        engines={
            model_id: built[settings.engine_of(model.engine)]
            for model_id, model in settings.models.items()
            if model.engine
        },
    )


def _engine(engine: EngineSettings, settings: Settings) -> Engine:
    match engine:
        case config.Scripted():
            return _scripted(engine)
        case config.OpenAI():
            from geminid.engines.openai_http import OpenAIHTTP

            key = os.environ.get(engine.api_key_env) if engine.api_key_env else None
            return OpenAIHTTP(
                engine.url, engine.model, api_key=key, dialect=engine.dialect,
                context_tokens=engine.context_tokens, sees=engine.sees, hears=engine.hears, system=engine.system,
            )  # fmt: skip
        case config.Llama():
            return _llama(engine, weights_named(engine.weights, settings))
        case _:
            assert_never(engine)


def _scripted(engine: config.Scripted) -> Scripted:
    try:
        return Scripted(Script.load(Path(engine.script)) if engine.script else None)
    except ScriptError as error:
        raise SettingsError(str(error)) from error


def _llama(engine: config.Llama, model: Weights) -> Engine:
    from geminid.engines.llama import Llama

    path = weights.cached(model)
    if path is None:
        raise SettingsError(f"weights {model.name!r} are not here. Run `geminid models pull {model.name}`.")
    return Llama(
        path,
        threads=engine.threads,
        context_tokens=engine.context_tokens,
        slots=engine.slots,
        projector=Path(engine.projector) if engine.projector else weights.projector_path(model),
        system=model.system if engine.system is None else engine.system,
    )
