"""Settings -> who answers elsewhere: the real service, another geminid, recordings; and what records calls."""

from __future__ import annotations

import importlib.util
import os
import ssl
from pathlib import Path

from geminid import settings as config
from geminid.call import Gate
from geminid.elsewhere.base import Elsewhere
from geminid.elsewhere.credentials import ApiKey, Credentials, GoogleTokens, Nothing
from geminid.elsewhere.dialects import DeveloperAPI, VertexAI
from geminid.elsewhere.exchanges import ExchangeError
from geminid.elsewhere.recordings import Recordings, recorded
from geminid.elsewhere.refusals import Refusals
from geminid.elsewhere.replay import Replay
from geminid.gates.alternatives import Alternatives
from geminid.gates.record import Record
from geminid.service.cached import CachedPrompts
from geminid.service.passing_on import PassingOn, model_named
from geminid.service.registry import Registry
from geminid.settings import SettingsError

_DEVELOPER = "https://generativelanguage.googleapis.com"
_DEVELOPER_KEY = "GEMINI_API_KEY"
_PROJECT, _LOCATION = "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"
"""Where Google's own clients look (https://googleapis.github.io/python-genai/)."""


def vertex_of(engine: config.Vertex) -> Elsewhere:
    """Raises SettingsError for what cannot be asked."""
    from geminid.elsewhere.http import Connections
    from geminid.elsewhere.vertex import Vertex

    connections = Connections(_trust(engine.ca))
    if engine.api == "developer":
        given = engine.credentials == "none"
        credentials = Nothing() if given else ApiKey(_key(engine.api_key_env or _DEVELOPER_KEY))
        endpoint = engine.endpoint or _DEVELOPER
        return Vertex(endpoint, DeveloperAPI(), credentials, model=engine.model, connections=connections)
    project = engine.project or os.environ.get(_PROJECT, "")
    location = engine.location or os.environ.get(_LOCATION, "") or "global"
    return Vertex(
        engine.endpoint or _vertex_endpoint(location),
        VertexAI(project, location),
        _credentials(engine, project),
        model=engine.model,
        refusals=Refusals(project),
        connections=connections,
    )


def replay_of(engine: config.Replay) -> Replay:
    """Reads the recordings. Raises SettingsError."""
    try:
        return Replay(recorded(Path(engine.recordings).expanduser()))
    except ExchangeError as error:
        raise SettingsError(f"replay: {error}") from error


def record_of(record: config.Record) -> Record | None:
    """The gate that records; None where nothing is. Raises SettingsError."""
    if not record.folder:
        return None
    try:
        return Record(Recordings(Path(record.folder).expanduser()).keep)
    except OSError as error:
        raise SettingsError(f"[record] {record.folder} cannot be used: {error.strerror}") from error


def alternatives_of(registry: Registry) -> Alternatives:
    """The gate that has the next engine of a chain asked."""
    return Alternatives(lambda call: registry.chain(model_named(call.request)))


def passing_on_of(registry: Registry, caches: CachedPrompts) -> list[Gate]:
    """What answers calls elsewhere; nothing where no model is."""
    if not any(isinstance(engine, Elsewhere) for engine in registry.all_engines()):
        return []
    return [PassingOn(registry, caches)]


def _credentials(engine: config.Vertex, project: str) -> Credentials:
    if engine.api_key_env:
        return ApiKey(_key(engine.api_key_env))
    if not project:
        raise SettingsError(
            f'an engine of kind "vertex" needs a `project`, or {_PROJECT} in the environment; or an `api_key_env`.'
        )
    if engine.credentials == "none":
        return Nothing()
    if importlib.util.find_spec("google.auth") is None or importlib.util.find_spec("requests") is None:
        raise SettingsError("tokens for Google Cloud need google-auth. Run `pip install 'geminid[vertex]'`.")
    file = str(Path(engine.credentials).expanduser()) if engine.credentials else ""
    if file and not Path(file).is_file():
        raise SettingsError(f"`credentials`: there is no {engine.credentials}.")
    return GoogleTokens(file)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "")
    if not key:
        raise SettingsError(f'an engine of kind "vertex" takes its key from {variable}, which is not set.')
    return key


def _vertex_endpoint(location: str) -> str:
    return f"https://{'' if location == 'global' else location + '-'}aiplatform.googleapis.com"


def _trust(ca: str | None) -> ssl.SSLContext | None:
    try:
        return ssl.create_default_context(cafile=ca) if ca else None
    except OSError as error:
        raise SettingsError(f"`ca`: {ca} cannot be used: {error.strerror or error}") from error
