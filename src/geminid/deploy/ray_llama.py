"""The application that runs llama.cpp on Ray Serve: each replica is an actor with a child and passes HTTP to it.

Imported by Ray, by the path in the file that ``serve_config.py`` writes; nothing of the server imports it. Serve
hands a replica its requests without a look at them: HAProxy is in front, each replica has its own HTTP server.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
from ray import serve

from geminid.deploy.kept_child import KeptChild
from geminid.deploy.llama_options import LlamaOptions
from geminid.deploy.passing import Passing
from geminid.engines import weights
from geminid.engines.llama_process import Job

NAME = "llama"


def app(args: dict[str, Any]) -> serve.Application:
    """Built by Serve on one of its workers; ``args`` are LlamaOptions. Raises msgspec.ValidationError."""
    msgspec.convert(args, LlamaOptions)
    return serve.deployment(serve.ingress()(LlamaReplica), name=NAME).bind(args)


class LlamaReplica:
    """Made by Serve. It is ready when its model is loaded."""

    def __init__(self, args: dict[str, Any]) -> None:
        self._options = msgspec.convert(args, LlamaOptions)
        self._kept: KeptChild | None = None
        self._passing: Passing | None = None

    async def __serve_build_asgi_app__(self) -> Passing:
        """Called once by Serve, which then sends requests."""
        options = self._options
        key = _key(options.key_env)
        self._kept = KeptChild(await asyncio.to_thread(_job, options))
        await self._kept.start()
        child = await self._kept.ready()
        self._passing = Passing(self._kept, child.slots, key=key, waiting=options.waiting)
        return self._passing

    async def check_health(self) -> None:
        """Asked by Serve, which replaces the replica when it raises three times in a row."""
        if self._kept is not None:
            self._kept.check()

    async def __del__(self) -> None:
        """Awaited by Serve when the replica has served its last request."""
        if self._passing is not None:
            await self._passing.aclose()
        if self._kept is not None:
            await self._kept.aclose()


def _job(options: LlamaOptions) -> Job:
    """With the model's files on this node. Raises WeightsError."""
    model = options.weights
    path = weights.prepared(model) or weights.fetch(model)
    projector = Path(options.projector) if options.projector else weights.projector_path(model)
    return Job(path, projector, options.threads, options.slots, options.context_tokens)


def _key(name: str) -> str:
    """The key that clients present. Without it nobody is let in, rather than everybody."""
    if name and not os.environ.get(name):
        raise ValueError(f"the environment of this node has no {name}, which is to hold the key of this service")
    return os.environ[name] if name else ""
