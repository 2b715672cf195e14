"""CLIProxyAPI, a gateway in Go: https://github.com/router-for-me/CLIProxyAPI. The user supplies its program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateways.base import Format, Gateway, Route, Start
from gateways.recipes import Supplied

_MODEL = "gemini-2.5-flash"
_KEY = "bench"


def _command(start: Start) -> Sequence[str | Path]:
    upstream = {
        "name": "upstream",
        "base-url": f"{start.upstream}/v1",
        "api-key-entries": [{"api-key": "none"}],
        "models": [{"name": "scripted", "alias": _MODEL}],
    }
    config = start.write(
        "config.yaml",
        {
            "host": "127.0.0.1",
            "port": start.port,
            "auth-dir": str(start.folder / "auth"),
            "api-keys": [_KEY],
            "commercial-mode": True,  # its word for less logging, for many requests at the same time
            "disable-cooling": True,
            "remote-management": {"disable-control-panel": True},
            "openai-compatibility": [upstream],
        },
    )
    return [start.program, "--config", config, "--local-model"]


CLIPROXYAPI = Gateway(
    "cliproxyapi",
    Supplied("cli-proxy-api"),
    _command,
    {
        Format.GEMINI: Route(f"/v1beta/models/{_MODEL}", [f"x-goog-api-key: {_KEY}"]),
        Format.OPENAI: Route("/v1/chat/completions", [f"Authorization: Bearer {_KEY}"], _MODEL),
    },
)
