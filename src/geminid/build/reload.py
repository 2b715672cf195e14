"""A changed configuration file, and what a server that runs can take over from it.

``cli/serve.py`` calls when it is told to reload.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_never

import msgspec
from msgspec import structs

from geminid import settings as config
from geminid.build.engines import replicas_of
from geminid.engines.pool import Pool
from geminid.service.registry import Registry
from geminid.settings import EngineSettings, Settings


def changed(old: Settings, new: Settings) -> list[str]:
    """The keys that differ, as they stand in the file: ``server.port``, ``engines.gpu``."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return [key for name in before for key in _changed(name, before[name], after[name])]


def _changed(name: str, before: Any, after: Any) -> list[str]:
    if before == after:
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [name]
    keys = dict.fromkeys([*before, *after])
    return [f"{name}.{key}" for key in keys if before.get(key) != after.get(key)]


def only_replicas(old: Settings, new: Settings) -> bool:
    """Whether they differ in nothing but the replicas of engines behind HTTP, which pools exchange in place."""
    keys = changed(old, new)
    if not keys or not all(key.startswith("engines.") for key in keys):
        return False
    names = [key.removeprefix("engines.") for key in keys]
    return all(
        name in old.engines and name in new.engines and _same_pool(old.engines[name], new.engines[name], old, new)
        for name in names
    )


def _same_pool(before: EngineSettings, after: EngineSettings, old: Settings, new: Settings) -> bool:
    if not isinstance(before, config.OpenAI) or not isinstance(after, config.OpenAI):
        return False
    if replicas_of(before, old) is None or replicas_of(after, new) is None:
        return False
    return (before.pool, before.running, before.waiting) == (after.pool, after.running, after.waiting)


async def take_over(registry: Registry, old: Settings, new: Settings, states: Path) -> tuple[Settings, list[str]]:
    """Exchanges replicas in place: the settings that hold from now on, and the keys that wait for a restart.

    Raises SettingsError, and then nothing has changed.
    """
    left = await _reconfigure(registry, old, new, states)
    keys = changed(old, new)
    names = {key.removeprefix("engines.") for key in keys if key.startswith("engines.")}
    taken = (names & set(old.engines) & set(new.engines)) - left
    now = structs.replace(old, engines=old.engines | {name: new.engines[name] for name in taken})
    return now, [key for key in keys if key.removeprefix("engines.") not in taken]


async def _reconfigure(registry: Registry, old: Settings, new: Settings, states: Path) -> set[str]:
    """Exchanges the replicas of engines that have some, with their streams left to end by themselves.

    Returns the engine expressions whose other changes need a restart. Raises SettingsError.
    """
    engines = registry.named
    wanted = {
        expression: replicas_of(new.engine_of(expression), new, states)
        for expression in engines
        if old.engine_of(expression) != new.engine_of(expression)
    }
    left = set()
    for expression, replicas in wanted.items():
        engine = engines[expression]
        if not isinstance(engine, Pool) or replicas is None:
            left.add(expression)
            continue
        await engine.reconfigure(replicas)
        if _but_for_replicas(old.engine_of(expression)) != _but_for_replicas(new.engine_of(expression)):
            left.add(expression)
    return left


def _but_for_replicas(engine: EngineSettings) -> EngineSettings:
    """What a pool does not take over from new settings: how it treats its replicas, and its place in the queue."""
    match engine:
        case config.OpenAI():
            return config.OpenAI(pool=engine.pool, running=engine.running, waiting=engine.waiting)
        case config.Llama():
            return config.Llama(pool=engine.pool, running=engine.running, waiting=engine.waiting)
        case config.Scripted() | config.Vertex() | config.Replay():
            return engine
        case _:
            assert_never(engine)
