"""A model server: what it is and serves, hence how it is spoken to, and how it does. Not what is said to it.

Used by ``openai_http.py`` and ``server_tokens.py``. How servers differ is in ``dialects.py``; what one tells of
itself is asked in ``upstream_kind.py`` and ``served.py``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Sequence

from geminid import errors
from geminid.engines.base import Health, State
from geminid.engines.chat_request import Writer
from geminid.engines.dialects import GENERIC, Dialect
from geminid.engines.served import Served
from geminid.engines.upstream import Upstream
from geminid.engines.upstream_errors import Refusal
from geminid.engines.upstream_kind import kind_of

_log = logging.getLogger(__name__)


class ModelServer:
    """``dialect`` is None for a server that is asked what it is; until it has told, it is a generic one.

    It can be asked once it is ``known`` what it is, which model it has, and what that has to be kept from.
    ``writer`` writes requests to it; ``system`` and ``control_tokens`` are the writer's. ``active`` is how many
    requests are under way, ``last_progress`` the monotonic time when one of them last received anything.
    ``secret`` is its key, which no error may show.
    """

    def __init__(
        self,
        upstream: Upstream,
        served: Served,
        dialect: Dialect | None,
        *,
        system: str | None = None,
        control_tokens: Sequence[str] = (),
        secret: str | None = None,
    ) -> None:
        self.upstream = upstream
        self.served = served
        self.active = 0
        self.last_progress = time.monotonic()
        self._secret = secret
        self._unknown = dialect is None
        self.dialect = dialect or GENERIC
        self.known = not self._unknown and served.known(self.dialect)
        self.capabilities = served.capabilities(self.dialect)
        self.writer = Writer(self.dialect, system, control_tokens, served.bounds)
        upstream.keep_alive = self.dialect.keep_alive
        self._learning = asyncio.Lock()
        self._asking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Asks what it is and serves until it has told."""
        self.upstream.open()
        if self._asking is None:
            self._asking = asyncio.create_task(self.wait_ready())

    async def wait_ready(self) -> None:
        pause = 0.1
        while (await self.health()).state is not State.READY:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def health(self) -> Health:
        """Asks a route that no server queues behind generations."""
        try:
            status = await self._alive()
            if status == 200:
                await self.learn()
        except errors.ApiError as error:
            reason = type(error.__cause__).__name__ if error.__cause__ else "no model listed"
            return Health(State.DOWN, f"the model server does not answer ({reason})")
        match status:
            case 200:
                return Health(State.READY)
            case 503:
                return Health(State.STARTING, "the model server is loading its model")
        return Health(State.DOWN, f"the model server answers with status {status}")

    async def _alive(self) -> int:
        """The status of the health route; of the list of models where there is none, as behind most gateways."""
        route, status = self.dialect.health, 404
        if route is not None:
            status, _ = await self.upstream.get(self.upstream.root + route)
        if status == 404:
            status, _ = await self.upstream.get(self.upstream.v1 + "/models")
        return status

    async def identified(self) -> Dialect:
        """What it is; it is asked where that is not known. Raises Unavailable."""
        if self._unknown:
            await self.learn()
        return self.dialect

    async def learn(self) -> None:
        """What it is and serves, as far as it is not known. Raises Unavailable."""
        async with self._learning:
            if self._unknown:
                self._speak(await kind_of(self.upstream))
                self._unknown = False
            if not self.served.complete:
                self._speak(await self.served.learn(self.upstream, self.dialect))

    def _speak(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.known = self.served.known(dialect)
        self.capabilities = self.served.capabilities(dialect)
        control_tokens = self.writer.control_tokens or self.served.control_tokens
        self.writer = dataclasses.replace(
            self.writer, dialect=dialect, control_tokens=control_tokens, bounds=self.served.bounds
        )
        self.upstream.keep_alive = dialect.keep_alive

    def begin(self) -> None:
        """Counts a request in. An idle server is not blamed for having made no progress."""
        if not self.active:
            self.last_progress = time.monotonic()
        self.active += 1

    def end(self) -> None:
        self.active -= 1

    def refused(self, refusal: Refusal) -> errors.ApiError:
        """The error that a client sees; the log is told more."""
        error = refusal.as_error(self._secret)
        level = logging.DEBUG if isinstance(error, errors.InvalidArgument) else logging.WARNING
        _log.log(level, "the model server refused with %d: %.500s", refusal.status, refusal.message)
        return error

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self.upstream.aclose()
