"""When a server looks for cycles of references: when it holds twice as much, not by counting what is new.

A call that is over leaves none, so that hardly anything is found; but with thousands of streams a look through all
that is alive takes half a second, in which nobody is answered. Python's own figures have one each time that the
objects have grown by a quarter. ``serve.py`` and ``worker.py`` call.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Final

_YOUNG: Final = 5_000
"""New objects after which the collector looks through these, in some 3 ms."""

_NEVER: Final = 1_000_000
"""Such looks until it goes further by itself."""

_SECONDS: Final = 10.0

_FEW_BLOCKS: Final = 1_000_000
"""Of memory, some 100 MB: so much more is nothing to look into."""


def settle(seconds: float = _SECONDS, few: int = _FEW_BLOCKS) -> None:
    """From now on, until the running loop ends. What is there already stays, and is never looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _NEVER, _NEVER)
    loop = asyncio.get_running_loop()

    def look_later(held: int) -> None:
        loop.call_later(seconds, look, held)

    def look(held: int) -> None:
        if sys.getallocatedblocks() > max(2 * held, held + few):
            gc.collect()
            held = sys.getallocatedblocks()
        look_later(held)

    look_later(sys.getallocatedblocks())
