"""The composition root: settings -> engines, services, gates, doors. Nothing else names a concrete engine.

The life of a request is in ``_handlers`` and ``_asgi``: gates in reading order, then the service.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from geminid import settings as config
from geminid.call import Gate, Handler, chain
from geminid.doors.authority import Authority, Certificate
from geminid.doors.bare_url import BareUrlDoor
from geminid.doors.choice import FirstOf
from geminid.doors.developer import DeveloperDoor
from geminid.doors.grants import OpenIssuer, StrictIssuer
from geminid.doors.grpc import GrpcDoor
from geminid.doors.health import health_routes
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.metadata import Identity, metadata_routes
from geminid.doors.openai.door import OpenAIDoor
from geminid.doors.rest import RestDoor
from geminid.doors.tls import TlsLimits, TlsListener
from geminid.doors.tokens import token_routes
from geminid.engines import weights
from geminid.engines.base import Engine
from geminid.engines.scripted import Script, Scripted, ScriptError
from geminid.engines.weights import Licence, Weights
from geminid.gates.auth import Authenticate, Open, Strict
from geminid.gates.observe import Observe
from geminid.gemini.profiles import Catalogue
from geminid.service.garden import ModelGardenService, ModelService
from geminid.service.generative import PredictionService
from geminid.service.registry import Registry
from geminid.service.tokens import LlmUtilityService
from geminid.settings import EngineSettings, Settings, SettingsError
from geminid.storage.durable import state_folder
from geminid.storage.file import FileCredentials
from geminid.wire import developer_routes, routes
from geminid.wire.routes import Method


def used_engines(settings: Settings) -> list[EngineSettings]:
    """The engines that some id is answered by, the default first."""
    expressions = [settings.engine, *(model.engine for model in settings.models.values() if model.engine)]
    return list(dict.fromkeys(settings.engine_of(expression) for expression in expressions))


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
    """Known weights by their name. Raises SettingsError."""
    known = known_weights(settings)
    if name not in known:
        raise SettingsError(
            f"{name!r} is neither an engine nor a model that is known. Give llama, scripted[:FILE], an http(s) "
            "address, an engine of the configuration file, or a model that `geminid models` lists."
        )
    return known[name]


OPEN_IDENTITY = Identity("geminid@local.iam.gserviceaccount.com", "local")
"""Who the metadata emulation says the machine is, where nobody checks."""


class App:
    """The server: built from settings, started and stopped inside a running event loop.

    Its certificates and credentials are kept in ``state``, by default in the user's state folder.
    """

    def __init__(self, settings: Settings, state: Path | None = None) -> None:
        self.settings = settings
        self.registry = _registry(settings)
        self.observe = Observe()
        self._state = state or state_folder()
        self._credentials = FileCredentials(self._state / "credentials.json")
        self._gates = self._all_gates()
        server = settings.server
        handlers = self._handlers()
        self.listener = Listener(
            self._asgi(handlers),
            host=server.host,
            port=server.port,
            limits=_limits(server),
            drain_seconds=server.drain_seconds,
        )
        self.grpc = GrpcDoor(handlers, host=server.host, port=server.grpc_port, drain_seconds=server.drain_seconds)
        self._tls: TlsListener | None = None

    @property
    def tls(self) -> TlsListener:
        """The TLS port; there once the server was started, since its certificate is made then."""
        assert self._tls is not None
        return self._tls

    def _all_gates(self) -> list[Gate]:
        """What every call passes, in this order."""
        strict = self.settings.auth.mode == "strict"
        policy = Strict(self._credentials, hosts=self.settings.tls.names) if strict else Open()
        return [self.observe, Authenticate(policy)]

    def _handlers(self) -> Mapping[Method, Handler]:
        gates = self._gates
        prediction = PredictionService(self.registry)
        llm_utility = LlmUtilityService(self.registry)
        garden = ModelGardenService(self.registry)
        return {
            routes.GENERATE_CONTENT: chain(gates, prediction.generate_content),
            routes.STREAM_GENERATE_CONTENT: chain(gates, prediction.stream_generate_content),
            routes.COUNT_TOKENS: chain(gates, llm_utility.count_tokens),
            routes.COMPUTE_TOKENS: chain(gates, llm_utility.compute_tokens),
            routes.GET_PUBLISHER_MODEL: chain(gates, garden.get_publisher_model),
            routes.LIST_PUBLISHER_MODELS: chain(gates, garden.list_publisher_models),
        }

    def _developer_handlers(self, vertex: Mapping[Method, Handler]) -> Mapping[developer_routes.Method, Handler]:
        gates = self._gates
        models = ModelService(self.registry)
        return {
            developer_routes.GENERATE_CONTENT: vertex[routes.GENERATE_CONTENT],
            developer_routes.STREAM_GENERATE_CONTENT: vertex[routes.STREAM_GENERATE_CONTENT],
            developer_routes.COUNT_TOKENS: vertex[routes.COUNT_TOKENS],
            developer_routes.GET_MODEL: chain(gates, models.get_model),
            developer_routes.LIST_MODELS: chain(gates, models.list_models),
        }

    def _asgi(self, handlers: Mapping[Method, Handler]) -> ASGIApp:
        """The HTTP doors in the order in which they are asked; the last one answers for all that is left."""
        limit, catalogue = self.settings.server.request_bytes, self.registry.catalogue
        generate, stream = handlers[routes.GENERATE_CONTENT], handlers[routes.STREAM_GENERATE_CONTENT]
        developer = self._developer_handlers(handlers)
        first_of = FirstOf(
            DeveloperDoor(developer, catalogue, request_bytes=limit),
            OpenAIDoor(generate, stream, developer[developer_routes.LIST_MODELS], catalogue, request_bytes=limit),
            BareUrlDoor(request_bytes=limit),
            otherwise=RestDoor(handlers, request_bytes=limit),
        )
        return Starlette(
            routes=[
                *health_routes(self.registry.all_engines()),
                *self._token_routes(),
                Mount("", first_of),
            ]
        )

    def _token_routes(self) -> list[BaseRoute]:
        """Where clients get their tokens; the metadata emulation, too, but in strict mode for one account only."""
        auth = self.settings.auth
        if auth.mode == "open":
            issuer = OpenIssuer()
            return [*token_routes(issuer), *metadata_routes(issuer, OPEN_IDENTITY, local_only=False)]
        strict = StrictIssuer(self._credentials)
        if not auth.account:
            return [*token_routes(strict)]
        project = auth.account.partition("@")[2].partition(".")[0]
        identity = Identity(auth.account, project)
        return [*token_routes(strict), *metadata_routes(strict, identity, local_only=True)]

    def _certificate(self) -> Certificate:
        tls = self.settings.tls
        if tls.certificate and tls.key:
            return Certificate(Path(tls.certificate), Path(tls.key))
        return Authority(self._state / "tls", names=tls.names).certificate()

    async def start(self) -> None:
        """Listens at once; engines get ready meanwhile, and ``/readyz`` tells when they are."""
        server = self.settings.server
        await self.listener.start()
        await self.grpc.start()
        self._tls = TlsListener(
            self.listener.connect,
            self.grpc.port,
            host=server.host,
            port=server.tls_port,
            certificate=self._certificate(),
            limits=TlsLimits(drain_seconds=server.drain_seconds),
        )
        await self._tls.start()
        await asyncio.gather(*(engine.start() for engine in self.registry.all_engines()))

    async def wait_ready(self) -> None:
        """Returns when every engine can answer."""
        for engine in self.registry.all_engines():
            await engine.wait_ready()

    async def stop(self) -> None:
        """Drains streams within the bound of the settings, then stops the engines."""
        await asyncio.gather(self.listener.stop(), self.grpc.stop(), *([self._tls.stop()] if self._tls else []))
        await asyncio.gather(*(engine.aclose() for engine in self.registry.all_engines()))


def _registry(settings: Settings) -> Registry:
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
                context_tokens=engine.context_tokens, system=engine.system,
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
        system=model.system if engine.system is None else engine.system,
    )


def _limits(server: config.Server) -> Limits:
    return Limits(
        header_seconds=server.header_seconds,
        body_seconds=server.body_seconds,
        body_bytes=server.request_bytes,
        write_seconds=server.write_seconds,
        keep_alive_seconds=server.keep_alive_seconds,
    )
