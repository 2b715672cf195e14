"""geminid: before the upstream as before any model server, and alone with its scripted engine, as a double."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateways.base import Format, Gateway, Route, Start
from gateways.recipes import Ours

_MODEL = "gemini-2.5-flash"
_ROUTES = {
    Format.GEMINI: Route(f"/v1/projects/p/locations/us-central1/publishers/google/models/{_MODEL}"),
    Format.OPENAI: Route("/v1/chat/completions", model=_MODEL),
}
WORDS = (1, 16, 200)
"""How long the answers are that doubles know."""


def _serve(start: Start, engine: str) -> Sequence[str | Path]:
    serve = ["serve", "--port", str(start.port), "--grpc-port", "0", "--tls-port", "0", "--engine", engine]
    return [start.program, "-m", "geminid", *serve]


def _before_upstream(start: Start) -> Sequence[str | Path]:
    return _serve(start, f"{start.upstream}/v1")


def _alone(start: Start) -> Sequence[str | Path]:
    answers = [{"when": f"words={words} ", "chunks": ["word "] * words} for words in WORDS]
    script = start.folder / "script.json"
    script.write_text(json.dumps({"answers": answers}))
    return _serve(start, f"scripted:{script}")


def _environment(start: Start) -> Mapping[str, str]:
    return {"GEMINID_STATE": str(start.folder / "state"), "GEMINID_CACHE": str(start.folder / "cache")}


GEMINID = Gateway("geminid", Ours(), _before_upstream, _ROUTES, _environment)
SCRIPTED = Gateway("geminid-scripted", Ours(), _alone, _ROUTES, _environment, forwards=False)
