"""Bifrost, a gateway in Go: https://docs.getbifrost.ai. Its model names say the provider before a slash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateways.base import Format, Gateway, Route, Start
from gateways.recipes import GoModule

_MODEL = "openai/scripted"


def _command(start: Start) -> Sequence[str | Path]:
    key = {"name": "upstream", "value": "none", "models": ["*"], "weight": 1.0}
    network = {"base_url": start.upstream, "max_retries": 0}
    start.write(
        "config.json",
        {
            "client": {"drop_excess_requests": False, "enable_logging": False},
            "providers": {"openai": {"keys": [key], "network_config": network}},
            "config_store": {"enabled": False},
        },
    )
    where = ["-host", "127.0.0.1", "-port", str(start.port), "-app-dir", str(start.folder)]
    return [start.program, *where, "-log-level", "error"]


BIFROST = Gateway(
    "bifrost",
    GoModule("github.com/maximhq/bifrost/transports/bifrost-http@latest", "bifrost-http"),
    _command,
    {
        Format.GEMINI: Route(f"/genai/v1beta/models/{_MODEL}"),
        Format.OPENAI: Route("/v1/chat/completions", model=_MODEL),
    },
)
