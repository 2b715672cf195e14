"""Settings -> one engine, by its kind; of the kinds that speak Gemini themselves in ``upstreams.py``.

Called by ``build/engines.py``. Each raises SettingsError for what cannot be used.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from geminid import settings as config
from geminid.engines import weights
from geminid.engines.base import Engine
from geminid.engines.scripted import Script, Scripted, ScriptError
from geminid.engines.weights import Weights
from geminid.settings import SettingsError


def openai_of(engine: config.OpenAI, stall: float | None = None) -> Engine:
    """``stall`` is how many seconds it may be silent."""
    from geminid.engines.openai_http import OpenAIHTTP, Patience

    if not engine.url:
        raise SettingsError('an engine of kind "openai" needs a `url`, or several `urls`.')
    try:
        tls = ssl.create_default_context(cafile=engine.ca) if engine.ca else None
    except OSError as error:
        raise SettingsError(f"`ca`: {engine.ca} cannot be used: {error.strerror or error}") from error
    return OpenAIHTTP(
        engine.url,
        engine.model,
        api_key=os.environ.get(engine.api_key_env) if engine.api_key_env else None,
        key_header=engine.api_key_header,
        tls=tls,
        dialect=engine.dialect,
        context_tokens=engine.context_tokens,
        sees=engine.sees,
        hears=engine.hears,
        parameters=engine.parameters,
        system=engine.system,
        patience=Patience(stall=stall) if stall else None,
    )


def scripted_of(engine: config.Scripted) -> Scripted:
    try:
        return Scripted(Script.load(Path(engine.script)) if engine.script else None)
    except ScriptError as error:
        raise SettingsError(str(error)) from error


def llama_of(engine: config.Llama, model: Weights, states: Path | None) -> Engine:
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
        states=states if engine.prefix_mib else None,
        state_bytes=engine.prefix_mib * 1024**2,
    )
