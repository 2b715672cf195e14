"""Watches calls go by: how many run now, how each ended, and what each used. The outermost gate.

It refuses nothing and alters nothing. A usage record is made when the stream is at its end. Every door sends the
last byte of an answer after that, so that an answer which came through whole has its record, also when the server
is killed the moment after.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.errors import ApiError, Code
from geminid.gates.metering import new_ids, usage_record
from geminid.storage.records import UsageRecord
from geminid.wire.message import Message

log = logging.getLogger("geminid.calls")


class Observe:
    """A gate. ``running`` counts the calls in flight, ``ended`` those that are over, by google.rpc code.

    ``record`` takes the usage record of each call without waiting: ``storage.recorder.Recorder.add``. Calls that
    ``auth`` refuses leave none: they are nobody's, and strangers must not fill the database.
    """

    def __init__(self, record: Callable[[UsageRecord], None] | None = None) -> None:
        self.running = 0
        self.ended: Counter[Code] = Counter()
        self._record = record
        self._ids = new_ids()

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        started = call.started or time.monotonic()
        code = Code.INTERNAL
        last: Message | None = None
        self.running += 1
        try:
            async with aclosing(proceed(call)) as stream:
                async for message in stream:
                    last = message
                    yield message
            code = Code.OK
        except ApiError as error:
            code = error.code
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = Code.CANCELLED
            raise
        finally:
            self.running -= 1
            self.ended[code] += 1
            if self._record is not None and call.principal is not None:
                self._record(usage_record(next(self._ids), call, last, code, started))
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s %s %s %.1f ms", call.rpc, call.model, code.name, 1e3 * (time.monotonic() - started))
