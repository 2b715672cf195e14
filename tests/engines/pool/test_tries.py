from __future__ import annotations

import pytest

from geminid import errors
from geminid.engines.base import Health, State
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replicas import Replicas
from geminid.engines.pool.tries import Tries
from geminid.engines.scripted import Scripted

BUSY, GONE = errors.ResourceExhausted("busy"), errors.Unavailable("gone")


@pytest.fixture
def replicas() -> Replicas:
    """Three, of which the last is down."""
    made = Replicas(dict.fromkeys("abc", Scripted), Policy(), lambda: 0.0)
    for replica in made.staying[:2]:
        replica.checked(Health(State.READY))
    return made


def names(tries: Tries) -> str:
    return "".join(replica.name for replica in tries.candidates())


def test_who_has_failed_is_not_tried_again(replicas: Replicas) -> None:
    tries, (a, b, c) = Tries(replicas, Policy()), replicas.staying
    assert names(tries) == "ab"

    tries.failed(a, GONE)

    assert names(tries) == "b"
    assert tries.others(b) == []
    tries.failed(b, GONE)
    assert names(tries) == "c", "it might answer all the same"
    tries.failed(c, GONE)
    with pytest.raises(errors.Unavailable):
        tries.candidates()


def test_only_a_fault_speaks_against_a_replica(replicas: Replicas) -> None:
    tries, (a, b, _) = Tries(replicas, Policy()), replicas.staying

    tries.failed(a, BUSY)
    tries.failed(b, GONE)

    assert (a.failures, b.failures) == (0, 1)


@pytest.mark.parametrize(("tries", "expected"), [(2, [False, True]), (9, [False, False, True])])
def test_it_ends_after_so_many_tries_or_when_nobody_is_left(
    replicas: Replicas, tries: int, expected: list[bool]
) -> None:
    call = Tries(replicas, Policy(tries=tries))

    assert [call.failed(replica, GONE) for replica in replicas.staying[: len(expected)]] == expected
