"""The embedded engines of a server with workers: one process has them, and lends them to the others.

The process that starts the workers is their ``Owner``; a worker's registry has a ``Remote`` in the place of each.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from geminid import settings as config
from geminid.build.engines import registry_of, used_engines, weights_named
from geminid.engines.base import Engine
from geminid.engines.remote import Host, Remote
from geminid.engines.weights import Weights
from geminid.service.registry import Registry
from geminid.settings import EngineSettings, Settings

Sockets: TypeAlias = Mapping[EngineSettings, Path]
"""Where each embedded engine is lent."""


@dataclass(frozen=True, slots=True)
class _Lent:
    engine: Engine
    host: Host
    path: Path

    async def aclose(self) -> None:
        await self.host.aclose()
        await self.engine.aclose()


class Owner:
    """Keeps sockets in ``folder``, which is for its user alone, and the states of prefixes below ``states``."""

    def __init__(self, folder: Path, states: Path) -> None:
        self._folder = folder
        self._states = states
        self._lent: dict[tuple[config.Llama, Weights], _Lent] = {}
        self._numbers = itertools.count()

    async def lend(self, settings: Settings) -> Sockets:
        """Starts those that are not there. Raises SettingsError, before any is started, and OSError."""
        wanted = _embedded(settings)
        fresh = {key: self._new(key[0], settings) for key in wanted if key not in self._lent}
        for key, lent in fresh.items():
            self._lent[key] = lent
            await lent.host.start()
            await lent.engine.start()
        return {key[0]: self._lent[key].path for key in wanted}

    async def keep(self, settings: Settings) -> None:
        """Closes all that these settings do not use, now that nobody does."""
        wanted = _embedded(settings)
        for key in [key for key in self._lent if key not in wanted]:
            await self._lent.pop(key).aclose()

    async def aclose(self) -> None:
        for lent in self._lent.values():
            await lent.aclose()
        self._lent.clear()

    def _new(self, engine: config.Llama, settings: Settings) -> _Lent:
        alone = Settings(engine="one", engines={"one": engine}, weights=settings.weights)
        built = registry_of(alone, self._states).fallback
        path = self._folder / f"engine-{next(self._numbers)}"
        return _Lent(built, Host(built, path), path)


def borrowing(registry: Registry, settings: Settings, sockets: Sockets) -> Registry:
    """The registry of a worker: what its process does not have itself it borrows."""
    borrowed: dict[int, Engine] = {}
    for expression, engine in registry.named.items():
        if (path := sockets.get(settings.engine_of(expression))) is not None and id(engine) not in borrowed:
            borrowed[id(engine)] = Remote(path, engine.capabilities)
    return dataclasses.replace(
        registry,
        fallback=borrowed.get(id(registry.fallback), registry.fallback),
        engines={key: borrowed.get(id(engine), engine) for key, engine in registry.engines.items()},
        observing={key: borrowed.get(id(engine), engine) for key, engine in registry.observing.items()},
        named={key: borrowed.get(id(engine), engine) for key, engine in registry.named.items()},
    )


def _embedded(settings: Settings) -> list[tuple[config.Llama, Weights]]:
    """The weights, which an engine only names, may change while its settings stay."""
    return [
        (one, weights_named(one.weights, settings))
        for one in used_engines(settings)
        if isinstance(one, config.Llama)
    ]
