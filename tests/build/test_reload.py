"""What differs between two configuration files, and what of it can be taken over."""

from __future__ import annotations

from pathlib import Path

import pytest

from geminid.build.engines import registry_of
from geminid.build.reload import changed, only_replicas, take_over
from geminid.engines.pool import Pool as EnginePool
from geminid.settings import Llama, ModelSettings, OpenAI, Pool, Server, Settings, SettingsError

ONE, TWO, THREE = (f"http://127.0.0.1:{port}/v1" for port in (1, 2, 3))


def pool(*urls: str, **more: object) -> Settings:
    return Settings(engine="gpu", engines={"gpu": OpenAI(urls=urls, **more)})  # type: ignore[arg-type]


def test_keys_are_named_as_in_the_file() -> None:
    new = Settings(engine="llama", server=Server(port=1), models={"gemini-1.5-pro": ModelSettings(engine="llama")})

    assert changed(Settings(engine="scripted"), new) == ["engine", "server.port", "models.gemini-1.5-pro"]
    assert changed(new, new) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (pool(ONE, TWO), pool(ONE, THREE), True),
        (pool(ONE, TWO), pool(ONE, THREE, model="other"), True),
        (pool(ONE, TWO), pool(ONE, TWO), False),
        (pool(ONE, TWO), pool(ONE, THREE, waiting=1), False),
        (pool(ONE, TWO), pool(ONE, THREE, pool=Pool(tries=1)), False),
        (pool(ONE, TWO), Settings(engine="gpu", engines={"gpu": OpenAI(url=ONE)}), False),
        (pool(ONE, TWO), Settings(engine="gpu", engines={"gpu": Llama()}), False),
        (pool(ONE, TWO), Settings(engine="scripted", engines={"gpu": OpenAI(urls=(ONE, TWO))}), False),
        (pool(ONE, TWO), pool(ONE, TWO).__class__(engine="gpu"), False),
    ],
)
def test_replicas_alone_need_no_new_process(old: Settings, new: Settings, expected: bool) -> None:
    assert only_replicas(old, new) is expected


async def test_replicas_are_exchanged_and_the_rest_is_told(tmp_path: Path) -> None:
    old = pool(ONE, TWO)
    registry = registry_of(old, tmp_path)
    new = Settings(engine="gpu", engines={"gpu": OpenAI(urls=(ONE, THREE))}, server=Server(port=1))

    now, left = await take_over(registry, old, new, tmp_path)

    assert left == ["server.port"]
    assert now == pool(ONE, THREE)
    for engine in registry.all_engines():
        await engine.aclose()


async def test_a_replica_that_stays_is_the_same(tmp_path: Path) -> None:
    old, new = pool(ONE, TWO), pool(TWO, THREE)
    registry = registry_of(old, tmp_path)
    fleet = registry.fallback
    assert isinstance(fleet, EnginePool)
    kept = fleet.replicas[1]

    await take_over(registry, old, new, tmp_path)
    replicas = fleet.replicas
    await fleet.aclose()

    assert replicas[0] is kept
    assert [THREE in replica.name for replica in replicas] == [False, True]


async def test_what_becomes_a_pool_needs_a_restart(tmp_path: Path) -> None:
    old = Settings(engine="gpu", engines={"gpu": OpenAI(url=ONE)})
    registry = registry_of(old, tmp_path)

    now, left = await take_over(registry, old, pool(ONE, TWO), tmp_path)
    await registry.fallback.aclose()

    assert left == ["engines.gpu"]
    assert now == old


async def test_replicas_that_cannot_be_used_change_nothing(tmp_path: Path) -> None:
    old = pool(ONE, TWO)
    registry = registry_of(old, tmp_path)

    with pytest.raises(SettingsError):
        await take_over(registry, old, pool(ONE, ONE), tmp_path)

    for engine in registry.all_engines():
        await engine.aclose()
