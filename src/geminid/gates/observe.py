"""Watches calls go by: how many run now, how each ended. The outermost gate."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.errors import ApiError, Code

log = logging.getLogger("geminid.calls")


class Observe:
    """A gate. ``running`` counts the calls in flight, ``ended`` those that are over, by google.rpc code."""

    def __init__(self) -> None:
        self.running = 0
        self.ended: Counter[Code] = Counter()

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        started = time.monotonic()
        code = Code.INTERNAL
        self.running += 1
        try:
            async with aclosing(proceed(call)) as stream:
                async for message in stream:
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
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s %s %s %.1f ms", call.rpc, call.model, code.name, 1e3 * (time.monotonic() - started))
