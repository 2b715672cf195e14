"""Where one call has been tried, and where it may be tried next. Made by ``pool/__init__.py`` for each call."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from geminid import errors
from geminid.engines.pool.attempt import AT_FAULT
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replica import Replica
from geminid.engines.pool.replicas import Replicas

_log = logging.getLogger(__name__)


class Tries:
    __slots__ = ("_policy", "_replicas", "_tried")

    def __init__(self, replicas: Replicas, policy: Policy) -> None:
        self._replicas, self._policy = replicas, policy
        self._tried: list[Replica] = []

    def candidates(self) -> Sequence[Replica]:
        """Those that should get the call; where there are none, those that might answer all the same.

        Raises Unavailable where there are no replicas at all.
        """
        left = [replica for replica in self._replicas.staying if replica not in self._tried]
        found = [replica for replica in left if replica.available]
        if not (found or left):
            raise errors.Unavailable(errors.UNAVAILABLE)
        return found or left

    def others(self, than: Replica) -> Sequence[Replica]:
        """Those that should get the call beside this one."""
        return [
            one for one in self._replicas.staying if one.available and one is not than and one not in self._tried
        ]

    def failed(self, replica: Replica, error: errors.ApiError) -> bool:
        """Takes note of it; whether no other replica is to be asked."""
        self._tried.append(replica)
        if isinstance(error, AT_FAULT):
            self._replicas.blame(replica)
        _log.info("a call failed at replica %d (%s)", replica.number, error.code.name)
        return len(self._tried) >= self._policy.tries or all(one in self._tried for one in self._replicas.staying)
