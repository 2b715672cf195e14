"""The composition root: settings -> engines (``build/``), services, gates, doors.

The life of a request is in ``_handlers`` and ``_asgi``: gates in reading order, then the service.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
from collections.abc import Mapping
from pathlib import Path

from starlette.routing import Route
from starlette.types import ASGIApp

from geminid import settings as config
from geminid.build.admission import admission_of, finding, lanes_of, quotas_of
from geminid.build.embedded import borrowing
from geminid.build.engines import registry_of
from geminid.build.media import understanding_of
from geminid.build.place import Place
from geminid.build.reload import take_over
from geminid.build.safety import guard_of, works_of
from geminid.build.stores import Stores
from geminid.build.upstreams import alternatives_of, passing_on_of, record_of
from geminid.call import Gate, Handler, chain
from geminid.doors.authority import Authority, Certificate
from geminid.doors.bare_url import BareUrlDoor
from geminid.doors.choice import FirstOf
from geminid.doors.developer import DeveloperDoor
from geminid.doors.grants import OpenIssuer, StrictIssuer
from geminid.doors.grpc import GrpcDoor
from geminid.doors.health import health_routes
from geminid.doors.limits import Limits
from geminid.doors.listen import Drain, Listener
from geminid.doors.metadata import Identity, metadata_routes
from geminid.doors.metrics import metrics_route
from geminid.doors.openai.door import OpenAIDoor
from geminid.doors.pages import Pages
from geminid.doors.rest import RestDoor
from geminid.doors.tls import TlsLimits, TlsListener
from geminid.doors.tokens import token_routes
from geminid.doors.uploads import FRAMING_BYTES, UPLOADS, UploadDoor
from geminid.gates.auth import Authenticate, Open, Strict
from geminid.gates.observe import Observe
from geminid.gemini.caching import Minimum
from geminid.media.base import File
from geminid.service.cached import CachedPrompts
from geminid.service.caching import GenAiCacheService
from geminid.service.clock import SteadyClock
from geminid.service.files import FileService
from geminid.service.garden import ModelGardenService, ModelService
from geminid.service.generative import PredictionService
from geminid.service.judges import Judges
from geminid.service.prefixes import Prefixes
from geminid.service.tokens import LlmUtilityService
from geminid.settings import Settings
from geminid.storage.durable import state_folder
from geminid.storage.file import FileCredentials
from geminid.storage.journal import Journal
from geminid.storage.recorder import Recorder
from geminid.storage.uploads import Uploads
from geminid.wire import developer_routes, routes
from geminid.wire.routes import Method

OPEN_IDENTITY = Identity("geminid@local.iam.gserviceaccount.com", "local")
"""Who the metadata emulation says the machine is, where nobody checks."""


class App:
    """The server: built from settings, started and stopped inside a running event loop.

    Its certificates and credentials are kept in ``state``, by default in the user's state folder. One of several
    processes has its ``place`` among them.
    """

    def __init__(self, settings: Settings, state: Path | None = None, place: Place | None = None) -> None:
        self.settings = settings
        self._state = state or state_folder()
        self._place = place
        registry = registry_of(settings, self._state / "prefixes")
        self.registry = borrowing(registry, settings, place.engines) if place else registry
        self._credentials = FileCredentials(self._state / "credentials.json")
        self._uploads = Uploads(self._state / "files", total_bytes=settings.server.files_bytes)
        self._files = FileService(self._uploads)
        self.understanding = understanding_of(settings, self.registry.observing, self._uploaded)
        self._works = works_of(settings.citations, self._state / "citations")
        self.judges = Judges(guard_of(settings.safety, self.registry.observing), self._works)
        self._stores = Stores(settings.storage, self._state, self._forget)
        self._prefixes = Prefixes(
            self._stores.cached_contents, self.registry, seconds=settings.caching.read_seconds
        )
        self.lanes = lanes_of(settings, self.registry)
        self._served = finding(self.registry)
        self._alternatives = alternatives_of(self.registry)
        self._quotas = quotas_of(settings.quotas, self._stores, self._served)
        self._recorder = self._new_recorder()
        self.observe = Observe(self._recorder.add if self._recorder else None)
        self._gates = self._all_gates()
        server = settings.server
        handlers = self._handlers()
        self.listener = Listener(
            self._asgi(handlers),
            host=server.host,
            port=server.port,
            limits=_limits(server, self._uploads.file_bytes),
            drain_seconds=server.drain_seconds,
            shared=place.http if place else None,
        )
        self.grpc = GrpcDoor(
            handlers,
            host=server.host,
            port=server.grpc_port,
            drain_seconds=server.drain_seconds,
            shared=place.grpc if place else None,
            behind=place.grpc_socket if place else "",
        )
        self._tls: TlsListener | None = None

    @property
    def tls(self) -> TlsListener:
        """The TLS port; there once the server was started, since its certificate is made then."""
        assert self._tls is not None
        return self._tls

    def _new_recorder(self) -> Recorder | None:
        usage = self.settings.usage
        if not usage.records:
            return None
        keep = dt.timedelta(days=usage.keep_days) if usage.keep_days else None
        journal = Journal(self._state / "usage", limit_bytes=usage.journal_bytes)
        return Recorder(journal, self._stores.usage_records, keep=keep)

    def _all_gates(self) -> list[Gate]:
        """What every call passes, in this order."""
        strict = self.settings.auth.mode == "strict"
        policy = Strict(self._credentials, hosts=self.settings.tls.names) if strict else Open()
        record = record_of(self.settings.record)
        return [self.observe, Authenticate(policy), *([record] if record else [])]

    def _generation_gates(self) -> list[Gate]:
        """What a call that generates passes after those."""
        admission = admission_of(self._served, self.lanes)
        return [admission, self._quotas] if self._quotas else [admission]

    async def _forget(self) -> None:
        """Has engines forget what is not cached any more."""
        await self._prefixes.sweep()

    async def _uploaded(self, file_id: str, owner: str) -> File:
        path, mime_type = await self._files.find(file_id, owner)
        return File(path, mime_type)

    def _handlers(self) -> Mapping[Method, Handler]:
        gates = self._gates
        records, clock = self._stores.cached_contents, SteadyClock()
        prompts = CachedPrompts(records, self.registry, clock=clock)
        chained: list[Gate] = [self._alternatives] if self.registry.chains else []
        elsewhere = passing_on_of(self.registry, prompts)
        counting = [*gates, *chained, *elsewhere]
        generating = [*gates, *chained, *self._generation_gates(), *elsewhere]
        prediction = PredictionService(self.registry, self.understanding, self.judges, prompts)
        minimum = Minimum(self.settings.caching.minimum_tokens, self.settings.caching.minimum)
        caches = GenAiCacheService(
            records, self.registry, self.understanding, self._prefixes, minimum=minimum, clock=clock
        )
        llm_utility = LlmUtilityService(self.registry, self.understanding, prompts)
        garden = ModelGardenService(self.registry)
        return {
            routes.GENERATE_CONTENT: chain(generating, prediction.generate_content),
            routes.STREAM_GENERATE_CONTENT: chain(generating, prediction.stream_generate_content),
            routes.COUNT_TOKENS: chain(counting, llm_utility.count_tokens),
            routes.COMPUTE_TOKENS: chain(counting, llm_utility.compute_tokens),
            routes.CREATE_CACHED_CONTENT: chain(gates, caches.create_cached_content),
            routes.GET_CACHED_CONTENT: chain(gates, caches.get_cached_content),
            routes.LIST_CACHED_CONTENTS: chain(gates, caches.list_cached_contents),
            routes.UPDATE_CACHED_CONTENT: chain(gates, caches.update_cached_content),
            routes.DELETE_CACHED_CONTENT: chain(gates, caches.delete_cached_content),
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
            developer_routes.CREATE_CACHED_CONTENT: vertex[routes.CREATE_CACHED_CONTENT],
            developer_routes.GET_CACHED_CONTENT: vertex[routes.GET_CACHED_CONTENT],
            developer_routes.LIST_CACHED_CONTENTS: vertex[routes.LIST_CACHED_CONTENTS],
            developer_routes.UPDATE_CACHED_CONTENT: vertex[routes.UPDATE_CACHED_CONTENT],
            developer_routes.DELETE_CACHED_CONTENT: vertex[routes.DELETE_CACHED_CONTENT],
            developer_routes.GET_MODEL: chain(gates, models.get_model),
            developer_routes.LIST_MODELS: chain(gates, models.list_models),
            developer_routes.GET_FILE: chain(gates, self._files.get_file),
            developer_routes.LIST_FILES: chain(gates, self._files.list_files),
            developer_routes.DELETE_FILE: chain(gates, self._files.delete_file),
        }

    def _asgi(self, handlers: Mapping[Method, Handler]) -> ASGIApp:
        """The HTTP doors in the order in which they are asked; the last one answers for all that is left."""
        limit, catalogue = self.settings.server.request_bytes, self.registry.catalogue
        generate, stream = handlers[routes.GENERATE_CONTENT], handlers[routes.STREAM_GENERATE_CONTENT]
        developer = self._developer_handlers(handlers)
        return FirstOf(
            Pages(self._pages()),
            UploadDoor(self._files, functools.partial(chain, self._gates)),
            DeveloperDoor(developer, catalogue, request_bytes=limit),
            OpenAIDoor(generate, stream, developer[developer_routes.LIST_MODELS], catalogue, request_bytes=limit),
            BareUrlDoor(request_bytes=limit),
            otherwise=RestDoor(handlers, request_bytes=limit),
        )

    def _pages(self) -> list[Route]:
        return [
            *health_routes(self.registry.all_engines()),
            metrics_route(
                self.observe,
                lambda: self.judges.failures,
                lambda: self._recorder.lost if self._recorder else 0,
                self.lanes.values(),
                self._quotas,
                self._alternatives.passed_over,
            ),
            *self._token_routes(),
        ]

    def _token_routes(self) -> list[Route]:
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
        await self._stores.open()
        if self._recorder is not None:
            await self._recorder.start()
        await self._uploads.clean()
        await self._works.open()
        await self.listener.start()
        await self.grpc.start()
        self._tls = TlsListener(
            self.listener.connect,
            self.grpc.inward,
            host=server.host,
            port=server.tls_port,
            certificate=self._certificate(),
            limits=TlsLimits(drain_seconds=server.drain_seconds),
            shared=self._place.tls if self._place else None,
        )
        await self._tls.start()
        await self.start_engines()

    async def start_engines(self) -> None:
        """Before ``start``, for a server that is to listen when it is ready; ``start`` does it otherwise."""
        await asyncio.gather(*(engine.start() for engine in self.registry.all_engines()))

    async def wait_ready(self) -> None:
        """Returns when every engine can answer."""
        for engine in self.registry.all_engines():
            await engine.wait_ready()

    async def reload(self, settings: Settings) -> list[str]:
        """Exchanges the replicas of pools; the other keys that differ, which wait for a restart.

        Raises SettingsError, and then nothing has changed.
        """
        self.settings, left = await take_over(self.registry, self.settings, settings, self._state / "prefixes")
        return left

    async def drain(self, drain: Drain) -> None:
        """Accepts no more, and lets what was begun end. May be cancelled, and done again."""
        if self._tls is not None:
            await self._tls.close(drain)
        await asyncio.gather(self.listener.stop(drain), self._stop_grpc(drain))

    async def stop(self) -> None:
        """Drains streams within the bound of the settings, then stops the engines."""
        await self.drain(Drain(self.settings.server.drain_seconds))
        if self._quotas:
            await self._quotas.aclose()
        await self._prefixes.aclose()
        await self.understanding.aclose()
        await self.judges.aclose()
        await asyncio.gather(*(engine.aclose() for engine in self.registry.all_engines()))
        if self._recorder is not None:
            await self._recorder.stop()
        await self._stores.aclose()

    async def _stop_grpc(self, drain: Drain) -> None:
        await asyncio.gather(self.grpc.close(drain), *([self._tls.dismiss(drain)] if self._tls else []))
        await asyncio.gather(self.grpc.stop(drain), *([self._tls.stop(drain)] if self._tls else []))


def _limits(server: config.Server, file_bytes: int) -> Limits:
    return Limits(
        header_seconds=server.header_seconds,
        body_seconds=server.body_seconds,
        body_bytes=server.request_bytes,
        streamed={UPLOADS: file_bytes + FRAMING_BYTES},
        write_seconds=server.write_seconds,
        keep_alive_seconds=server.keep_alive_seconds,
    )
