"""Shepherd Model Gateway, a router in Rust before model servers: https://pypi.org/project/smg/"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gateways.base import Format, Gateway, Route, Start
from gateways.recipes import Pip


def _command(start: Start) -> Sequence[str | Path]:
    metrics = ["--prometheus-host", "127.0.0.1", "--prometheus-port", str(start.spare_port)]
    listening = ["--host", "127.0.0.1", "--port", str(start.port), "--log-level", "error"]
    workers = ["--worker-urls", start.upstream, "--backend", "openai", "--policy", "round_robin"]
    return [start.program, "launch", *workers, *listening, *metrics]


SMG = Gateway(
    "smg",
    Pip("smg==1.13.0", "smg"),
    _command,
    {Format.OPENAI: Route("/v1/chat/completions", model="scripted")},
    remarks=["passes answers on as they are, in the format of its model servers"],
)
