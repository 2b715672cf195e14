"""``/livez`` and ``/readyz``: for load balancers, orchestrators and people who wait for a model to load."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geminid.engines.base import Engine, State


def health_routes(engines: Sequence[Engine]) -> list[Route]:
    """``/livez`` is 200 while the event loop turns, ``/readyz`` 503 until every engine can answer."""

    async def livez(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        states = [await engine.health() for engine in engines]
        ready = all(health.state is State.READY for health in states)
        body = {
            "status": "ok" if ready else "unavailable",
            "engines": [{"state": health.state.value, "detail": health.detail} for health in states],
        }
        return JSONResponse(body, status_code=200 if ready else 503)

    return [Route("/livez", livez), Route("/readyz", readyz)]
