"""The composition root: settings -> parts (``build/``), services behind gates, doors. It starts and stops them.

The life of a request is in ``_gates``, in reading order, and ``_services``.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from pathlib import Path

from starlette.routing import Route
from starlette.types import ASGIApp

from geminid.build.admission import admission_of, finding, lanes_of, quotas_of
from geminid.build.doors import certificate_of, grpc_of, http_doors, listener_of, tls_of, token_pages
from geminid.build.embedded import borrowing
from geminid.build.engines import registry_of
from geminid.build.handlers import Gates, Services, developer_handlers, vertex_handlers
from geminid.build.media import understanding_of
from geminid.build.place import Place
from geminid.build.reload import take_over
from geminid.build.safety import guard_of, works_of
from geminid.build.stores import Stores, recorder_of
from geminid.build.upstreams import alternatives_of, passing_on_of, record_of
from geminid.call import Gate, Handler, chain
from geminid.doors.health import health_routes
from geminid.doors.listen import Drain
from geminid.doors.metrics import metrics_route
from geminid.doors.tls import TlsListener
from geminid.doors.uploads import UploadDoor
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
from geminid.storage.uploads import Uploads
from geminid.wire import developer_routes, routes


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
        self._recorder = recorder_of(settings.usage, self._state / "usage", self._stores.usage_records)
        records, self._clock = self._stores.cached_contents, SteadyClock()
        self._prefixes = Prefixes(records, self.registry, seconds=settings.caching.read_seconds)
        self._prompts = CachedPrompts(records, self.registry, clock=self._clock)
        self.lanes = lanes_of(settings, self.registry)
        self._served = finding(self.registry)
        self._alternatives = alternatives_of(self.registry)
        self._quotas = quotas_of(settings.quotas, self._stores, self._served)
        self.observe = Observe(self._recorder.add if self._recorder else None)
        services, gates = self._services(), self._gates()
        handlers = vertex_handlers(services, gates)
        doors = self._doors(handlers, developer_handlers(services, gates, handlers), gates)
        self.listener = listener_of(doors, settings.server, self._uploads.file_bytes, place)
        self.grpc = grpc_of(handlers, settings.server, place)
        self._tls: TlsListener | None = None

    @property
    def tls(self) -> TlsListener:
        """The TLS port; there once the server was started, since its certificate is made then."""
        assert self._tls is not None
        return self._tls

    async def _forget(self) -> None:
        """Has engines forget what is not cached any more."""
        await self._prefixes.sweep()

    async def _uploaded(self, file_id: str, owner: str) -> File:
        path, mime_type = await self._files.find(file_id, owner)
        return File(path, mime_type)

    def _gates(self) -> Gates:
        """What calls pass, in this order."""
        strict = self.settings.auth.mode == "strict"
        policy = Strict(self._credentials, hosts=self.settings.tls.names) if strict else Open()
        record = record_of(self.settings.record)
        every: list[Gate] = [self.observe, Authenticate(policy), *([record] if record else [])]
        chained: list[Gate] = [self._alternatives] if self.registry.chains else []
        admitted: list[Gate] = [admission_of(self._served, self.lanes), *([self._quotas] if self._quotas else [])]
        elsewhere = passing_on_of(self.registry, self._prompts)
        return Gates(
            generating=[*every, *chained, *admitted, *elsewhere],
            counting=[*every, *chained, *elsewhere],
            others=every,
        )

    def _services(self) -> Services:
        registry, understanding, prompts = self.registry, self.understanding, self._prompts
        caching = self.settings.caching
        return Services(
            prediction=PredictionService(registry, understanding, self.judges, prompts),
            llm_utility=LlmUtilityService(registry, understanding, prompts),
            caches=GenAiCacheService(
                self._stores.cached_contents,
                registry,
                understanding,
                self._prefixes,
                minimum=Minimum(caching.minimum_tokens, caching.minimum),
                clock=self._clock,
            ),
            garden=ModelGardenService(registry),
            models=ModelService(registry),
            files=self._files,
        )

    def _doors(
        self,
        vertex: Mapping[routes.Method, Handler],
        developer: Mapping[developer_routes.Method, Handler],
        gates: Gates,
    ) -> ASGIApp:
        uploads = UploadDoor(self._files, functools.partial(chain, gates.others))
        limit = self.settings.server.request_bytes
        return http_doors(vertex, developer, self._pages(), uploads, self.registry.catalogue, limit)

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
            *token_pages(self.settings.auth, self._credentials),
        ]

    async def start(self) -> None:
        """Listens at once; engines get ready meanwhile, and ``/readyz`` tells when they are."""
        await self._stores.open()
        if self._recorder is not None:
            await self._recorder.start()
        await self._uploads.clean()
        await self._works.open()
        await self.listener.start()
        await self.grpc.start()
        certificate = certificate_of(self.settings.tls, self._state / "tls")
        self._tls = tls_of(self.listener, self.grpc, self.settings.server, certificate, self._place)
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
