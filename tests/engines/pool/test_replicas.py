"""Replicas by themselves. Under load, with streams that go on, they are in test_pool.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from geminid.engines.base import State
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replicas import Replicas
from geminid.engines.scripted import Scripted

POLICY = Policy(failures=2, most_ejected=0.5)


@pytest.fixture
async def replicas() -> AsyncIterator[Replicas]:
    """Two that are watched."""
    made = Replicas({"one": Scripted, "other": Scripted}, POLICY, asyncio.get_running_loop().time)
    await made.start()
    await made.wait_ready()
    yield made
    await made.aclose()


async def test_one_that_answers_makes_them_ready(replicas: Replicas) -> None:
    assert (await replicas.health()).state is State.READY


async def test_half_of_them_stay_whatever_they_do(replicas: Replicas) -> None:
    one, other = replicas.staying

    for replica in (one, other, one, other):
        replicas.blame(replica)

    assert one.ejected
    assert not other.ejected


async def test_one_that_leaves_is_there_until_its_last_call_has_ended(replicas: Replicas) -> None:
    one, other = replicas.staying
    one.idle.clear()

    await replicas.reconfigure({"other": Scripted, "new": Scripted})

    assert [replica.name for replica in replicas.staying] == ["other", "new"]
    assert replicas.staying[0] is other
    assert one in replicas.all
    one.idle.set()
    async with asyncio.timeout(5):
        while one in replicas.all:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
