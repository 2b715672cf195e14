"""A changed configuration file, and what a server that runs can take over from it.

``cli/serve.py`` calls when it is told to reload.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from geminid.build.engines import reconfigure, replicas_of
from geminid.service.registry import Registry
from geminid.settings import EngineSettings, OpenAI, Settings


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
    if not isinstance(before, OpenAI) or not isinstance(after, OpenAI):
        return False
    if replicas_of(before, old) is None or replicas_of(after, new) is None:
        return False
    return (before.pool, before.running, before.waiting) == (after.pool, after.running, after.waiting)


async def take_over(registry: Registry, old: Settings, new: Settings, states: Path) -> tuple[Settings, list[str]]:
    """Exchanges replicas in place: the settings that hold from now on, and the keys that wait for a restart.

    Raises SettingsError, and then nothing has changed.
    """
    left = set(await reconfigure(registry, old, new, states))
    keys = changed(old, new)
    names = {key.removeprefix("engines.") for key in keys if key.startswith("engines.")}
    taken = (names & set(old.engines) & set(new.engines)) - left
    now = structs.replace(old, engines=old.engines | {name: new.engines[name] for name in taken})
    return now, [key for key in keys if key.removeprefix("engines.") not in taken]
