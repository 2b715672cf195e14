"""When a replica gets calls, by a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from geminid.engines.base import Health, State
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replica import Replica, Work
from geminid.engines.scripted import Scripted
from geminid.generation import Delta

POLICY = Policy(ejection_seconds=10, longest_ejection=30, slow_start_seconds=20)
WELL, ILL = Health(State.READY), Health(State.DOWN, "gone")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replica(clock: Clock) -> Replica:
    """One that is up, and has long been."""
    made = Replica("one", 1, Scripted(), POLICY, clock)
    made.checked(WELL)
    return made


async def test_one_missed_check_is_forgiven(replica: Replica) -> None:
    assert not replica.checked(ILL)
    assert replica.available

    assert replica.checked(ILL)
    assert not replica.available


async def test_one_is_enough_where_a_call_has_failed(replica: Replica) -> None:
    replica.failed()

    assert replica.checked(ILL)


async def test_who_came_back_starts_slowly(replica: Replica, clock: Clock) -> None:
    usual = replica.score(100)
    replica.failed()
    replica.checked(ILL)

    replica.checked(WELL)

    assert replica.score(100) == 10 * usual
    clock.now += 10
    assert replica.score(100) == 2 * usual
    clock.now += 10
    assert replica.score(100) == usual


async def test_each_ejection_is_twice_as_long_up_to_a_bound(replica: Replica, clock: Clock) -> None:
    seconds = []
    for _ in range(3):
        seconds.append(replica.eject())
        assert not replica.available
        clock.now += seconds[-1]
        assert replica.available

    assert seconds == [10, 20, 30]


async def test_who_does_well_for_a_while_is_forgiven(replica: Replica, clock: Clock) -> None:
    clock.now += replica.eject() + 20
    replica.answered()

    assert replica.eject() == 10


async def test_load_falls_as_the_work_is_done(replica: Replica) -> None:
    work = Work(replica, prompt=100, output=50)
    assert replica.load == 150

    work.heard(Delta("Hello", tokens=10))
    assert replica.load == 40
    work.heard(Delta(" and more", tokens=60))
    assert replica.load == 0

    work.end()
    assert (replica.load, replica.calls, work.written) == (0, 0, 70)
    assert replica.idle.is_set()


async def test_what_was_not_written_is_no_load_any_more(replica: Replica) -> None:
    work = Work(replica, prompt=100, output=50)

    work.end()

    assert replica.load == 0
