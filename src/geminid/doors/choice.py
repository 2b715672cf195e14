"""Several HTTP doors behind one port: each request goes to the first that knows it."""

from __future__ import annotations

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send


class Door(Protocol):
    def matches(self, scope: Scope) -> bool:
        """Whether a request is this door's."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class FirstOf:
    """An ASGI application that asks ``doors`` in order; what none of them knows goes to ``otherwise``."""

    def __init__(self, *doors: Door, otherwise: ASGIApp) -> None:
        self._doors = doors
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door: ASGIApp = next((door for door in self._doors if door.matches(scope)), self._otherwise)
        await door(scope, receive, send)
