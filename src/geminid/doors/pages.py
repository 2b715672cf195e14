"""The server's own pages as one door: health, metrics, tokens, the metadata emulation.

Starlette routes among them. What is of the API does not pass through its middleware, which would cost every call a
tenth more.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send


class Pages:
    """A door to ``routes``, whose paths are fixed or end with one that goes on: ``/root/{path:path}``."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._app = Starlette(routes=routes)
        self._fixed = {route.path: route for route in routes if "{" not in route.path}
        self._going_on = [(route.path.partition("{")[0], route) for route in routes if "{" in route.path]

    def matches(self, scope: Scope) -> bool:
        path = scope["path"]
        fixed = self._fixed.get(path)
        found = [fixed] if fixed else [route for root, route in self._going_on if path.startswith(root)]
        return any(route.matches(scope)[0] is Match.FULL for route in found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)
