"""Coroutines side by side, of which one failure is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")


async def all_of(coroutines: Sequence[Coroutine[Any, Any, _T]]) -> list[_T]:
    """Their results in order. The first that fails, or a caller that leaves, ends the others."""
    if len(coroutines) == 1:
        return [await coroutines[0]]
    tasks = [asyncio.ensure_future(one) for one in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await _end(tasks)
        tasks.clear()  # a failure's traceback has this frame, and its task the failure: a cycle of references


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
