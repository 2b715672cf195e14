"""A pool of model servers under load, with what befalls servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from geminid import errors
from geminid.engines.base import State
from geminid.engines.pool import Pool
from geminid.generation import Delta, Generation, Prefix, Role, Text, Turn

SECONDS = 1.2
CALLERS = 24


def asking(*said: str) -> Generation:
    """What the user and the model said in turn."""
    roles: tuple[Role, Role] = ("user", "model")
    return Generation(tuple(Turn(roles[index % 2], (Text(text),)) for index, text in enumerate(said or ["Hello"])))


async def answer_of(pool: Pool, generation: Generation | None = None) -> str:
    events = [event async for event in pool.generate(generation or asking())]
    return "".join(event.text for event in events if isinstance(event, Delta))


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not what():  # noqa: ASYNC110 - servers have no event for it
            await asyncio.sleep(0.01)


@dataclass
class Load:
    """Callers who ask without a pause, each time in a conversation of its own, and what became of it.

    ``broken`` are streams that had begun, ``failed`` calls without a token; ``slowest`` is the longest time to a
    first token, in seconds.
    """

    complete: int = 0
    broken: list[errors.ApiError] = field(default_factory=list)
    failed: list[errors.ApiError] = field(default_factory=list)
    slowest: float = 0.0

    async def run(self, pool: Pool, seconds: float) -> None:
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._call_until(end, pool, caller) for caller in range(CALLERS)))

    async def _call_until(self, end: float, pool: Pool, caller: int) -> None:
        number = 0
        while time.monotonic() < end:
            number += 1
            await self._call(pool, asking(f"caller {caller}, call {number}"))

    async def _call(self, pool: Pool, generation: Generation) -> None:
        asked, begun = time.monotonic(), False
        try:
            async for _ in pool.generate(generation):
                if not begun:
                    self.slowest = max(self.slowest, time.monotonic() - asked)
                begun = True
        except errors.ApiError as error:
            (self.broken if begun else self.failed).append(error)
        else:
            self.complete += 1


@pytest.mark.parametrize(("mode", "silences"), [("dead", 1), ("hung", 2), ("mad", 1), ("busy", 1)])
async def test_no_call_without_a_token_fails(pool_of: Any, quick: Any, mode: str, silences: int) -> None:
    """Who is hung is waited for once, the others are not."""
    pool, servers = await pool_of(8)
    load = Load()
    running = asyncio.create_task(load.run(pool, SECONDS))
    await until(lambda: servers[3].active > 0)

    servers[3].becomes(mode)
    await running

    assert load.failed == []
    assert {type(error) for error in load.broken} <= {errors.Unavailable, errors.Internal}
    assert len(load.broken) <= CALLERS
    assert load.complete > 50
    assert load.slowest < silences * quick.first_event_seconds


async def test_one_after_the_other_may_die_and_come_back(pool_of: Any) -> None:
    pool, servers = await pool_of(4)
    load = Load()
    running = asyncio.create_task(load.run(pool, 2.0))

    for server in servers:
        server.becomes("dead")
        await until(lambda: not all(replica.up for replica in pool.replicas))
        server.becomes("ok")
        await until(lambda: all(replica.up for replica in pool.replicas))
    await running

    assert load.failed == []


async def test_a_slow_replica_gets_less_to_do(pool_of: Any) -> None:
    pool, servers = await pool_of(4)
    servers[0].pause *= 10
    load = Load()

    await load.run(pool, SECONDS)

    others = sum(server.asked for server in servers[1:]) / 3
    assert load.failed == load.broken == []
    assert servers[0].asked < others / 2


@pytest.mark.parametrize("mode", ["dead", "hung", "mad"])
async def test_a_stream_that_has_begun_ends_with_an_error(pool_of: Any, mode: str) -> None:
    pool, servers = await pool_of(2)
    for server in servers:
        server.pause = 0.05
    stream = pool.generate(asking())
    await anext(stream)

    for server in servers:
        server.becomes(mode)

    with pytest.raises((errors.Unavailable, errors.Internal)):
        async for _ in stream:
            pass
    assert sum(server.asked for server in servers) == 1


async def test_where_all_are_gone_calls_fail_and_later_they_do_not(pool_of: Any) -> None:
    pool, servers = await pool_of(3)
    for server in servers:
        server.becomes("dead")

    with pytest.raises(errors.Unavailable):
        await answer_of(pool)
    await until(lambda: not any(replica.up for replica in pool.replicas))
    health = await pool.health()
    for server in servers:
        server.becomes("ok")
    await pool.wait_ready()

    assert health.state is State.DOWN
    assert health.detail.startswith("no replica answers: the model server does not answer")
    assert await answer_of(pool)
    assert (await pool.health()).state is State.READY


async def test_who_is_busy_is_not_blamed(pool_of: Any) -> None:
    pool, servers = await pool_of(2)
    for server in servers:
        server.mode = "busy"

    with pytest.raises(errors.ResourceExhausted):
        await answer_of(pool)

    assert [server.asked for server in servers] == [1, 1]
    assert not any(replica.failures for replica in pool.replicas)


async def test_who_fails_again_and_again_gets_no_calls_for_a_while(pool_of: Any, quick: Any) -> None:
    pool, servers = await pool_of(2, replace(quick, ejection_seconds=60))
    mad, sound = pool.replicas
    servers[0].becomes("mad")

    number = 0
    while not mad.ejected:
        number += 1
        assert await answer_of(pool, asking(f"number {number}"))

    assert servers[0].asked == 3
    servers[1].becomes("mad")
    for _ in range(4):
        with pytest.raises(errors.Internal):
            await answer_of(pool)
    assert not sound.ejected  # there would be nobody left


async def test_cancelling_reaches_the_server(pool_of: Any) -> None:
    pool, servers = await pool_of(2)
    for server in servers:
        server.pause = 0.05

    async with aclosing(pool.generate(asking())) as stream:
        await anext(stream)
    waiting = asyncio.create_task(answer_of(pool))
    await until(lambda: any(server.active for server in servers))
    waiting.cancel()

    await until(lambda: not any(server.active for server in servers))
    assert [replica.load for replica in pool.replicas] == [0, 0]


async def test_a_conversation_stays_where_it_began(pool_of: Any) -> None:
    pool, servers = await pool_of(8)
    for server in servers:
        server.pause = 0

    for number in range(20):
        first = f"question {number}"
        said = await answer_of(pool, asking(first))
        then = await answer_of(pool, asking(first, said, "And then?"))
        await answer_of(pool, asking(first, said, "And then?", then, "And then? And then?"))

    assert all(len(server.texts) % 3 == 0 for server in servers)
    assert sum(1 for server in servers if server.texts) > 4


async def test_two_pools_agree_without_a_word(pool_of: Any, factory: Any, quick: Any) -> None:
    pool, servers = await pool_of(8)
    other = Pool({server.url: factory(server) for server in reversed(servers)}, quick)
    await other.start()
    await until(lambda: all(replica.up for replica in other.replicas))
    for server in servers:
        server.pause = 0

    for number in range(10):
        await answer_of(pool, asking(f"question {number}"))
        await answer_of(other, asking(f"question {number}", "An answer.", "And then?"))
    await other.aclose()

    assert all(len(server.texts) % 2 == 0 for server in servers)


async def test_a_prefix_is_remembered_where_it_will_be_asked_for(pool_of: Any) -> None:
    pool, servers = await pool_of(8)
    head = replace(asking("A long document."), prefix=Prefix("cache-7", 1), tenant="project-a")

    await pool.remember(head)
    for number in range(3):
        turns = (*head.turns, Turn("model", (Text("I see."),)), Turn("user", (Text(f"What is {number}?"),)))
        await answer_of(pool, replace(head, turns=turns))
    await pool.forget(["cache-7"])

    asked = [server for server in servers if server.asked]
    assert [server.asked for server in asked] == [4]
    (salt,) = asked[0].salts
    assert salt
    assert "project-a" not in salt


async def test_a_busy_home_is_left(pool_of: Any) -> None:
    pool, servers = await pool_of(2)
    for server in servers:
        server.pause = 0.02

    await asyncio.gather(*(answer_of(pool, asking("the same", "to all", "of them")) for _ in range(8)))

    assert min(server.asked for server in servers) >= 2


async def test_replicas_are_exchanged_and_streams_go_on(pool_of: Any, serve: Any, factory: Any) -> None:
    pool, servers = await pool_of(2)
    (new,) = await serve(1)
    for server in servers:
        server.pause = 0.03
    streams = [asyncio.create_task(answer_of(pool, asking(f"stream {number}"))) for number in range(6)]
    await until(lambda: all(server.active for server in servers))

    await pool.reconfigure({servers[1].url: factory(servers[1]), new.url: factory(new)})
    await until(lambda: all(replica.up for replica in pool.replicas))
    asked = servers[0].asked
    answers = await asyncio.gather(*streams, *(answer_of(pool, asking(f"later {number}")) for number in range(6)))

    assert len(set(answers)) == 1
    assert servers[0].asked == asked
    assert new.asked > 0
    assert [replica.name for replica in pool.replicas] == [servers[1].url, new.url]


async def test_a_replica_that_is_wanted_again_stays(pool_of: Any, factory: Any) -> None:
    pool, servers = await pool_of(2)
    wanted = {server.url: factory(server) for server in servers}
    for server in servers:
        server.pause = 0.03
    streams = [asyncio.create_task(answer_of(pool, asking(f"stream {number}"))) for number in range(6)]
    await until(lambda: all(server.active for server in servers))
    before = pool.replicas

    await pool.reconfigure({servers[1].url: wanted[servers[1].url]})
    await pool.reconfigure(wanted)
    await asyncio.gather(*streams)

    assert pool.replicas == before
    assert await answer_of(pool)


async def test_reloading_under_load_fails_no_call(pool_of: Any, serve: Any, factory: Any) -> None:
    pool, servers = await pool_of(3)
    servers += await serve(3)
    load = Load()
    running = asyncio.create_task(load.run(pool, SECONDS))

    for start in range(6):
        chosen = [servers[(start + offset) % 6] for offset in range(3)]
        await pool.reconfigure({server.url: factory(server) for server in chosen})
        await until(lambda: all(replica.up for replica in pool.replicas))
    await running

    assert load.failed == load.broken == []
    assert load.complete > 50


async def test_tokens_are_counted_while_any_answers(pool_of: Any) -> None:
    pool, servers = await pool_of(3)
    servers[0].becomes("dead")
    servers[2].becomes("dead")

    counts = [await pool.count_tokens([f"one two {number}"]) for number in range(6)]

    assert counts == [[3]] * 6


async def test_it_can_what_all_can(pool_of: Any) -> None:
    pool, _ = await pool_of(2)

    assert pool.capabilities.context_tokens == 4096
    assert pool.capabilities.counts_tokens
    assert pool.capabilities.slots is None
