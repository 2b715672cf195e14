"""The proxy of LiteLLM: https://docs.litellm.ai/docs/simple_proxy, with the settings of its page on production."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateways.base import Format, Gateway, Route, Start
from gateways.recipes import Pip

_MODEL = "gemini-2.5-flash"
_KEY = "sk-" + secrets.token_hex(24)
"""It refuses to start without one, or with a weak one."""


def _command(start: Start) -> Sequence[str | Path]:
    upstream = {"model": "openai/scripted", "api_base": f"{start.upstream}/v1", "api_key": "none"}
    config = start.write(
        "config.yaml",
        {
            "model_list": [{"model_name": _MODEL, "litellm_params": upstream}],
            "litellm_settings": {"telemetry": False, "set_verbose": False},
            "general_settings": {"master_key": _KEY},
        },
    )
    return [start.program, "--config", config, "--host", "127.0.0.1", "--port", str(start.port)]


def _environment(start: Start) -> Mapping[str, str]:
    return {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}


LITELLM = Gateway(
    "litellm",
    # No release is taken unseen: 1.82.7 and 1.82.8 stole credentials.
    Pip("litellm[proxy]==1.106.2", "litellm"),
    _command,
    {
        Format.GEMINI: Route(f"/v1beta/models/{_MODEL}", [f"x-goog-api-key: {_KEY}"]),
        Format.OPENAI: Route("/v1/chat/completions", [f"Authorization: Bearer {_KEY}"], _MODEL),
    },
    _environment,
)
