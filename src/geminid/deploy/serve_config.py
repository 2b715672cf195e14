"""Settings -> what Ray Serve is told: the file of its application, and the environment of its nodes. Pure.

The file is Serve's own format, https://docs.ray.io/en/latest/serve/production-guide/config.html: what
``geminid deploy ray`` applies is also what KubeRay takes as ``serveConfigV2``. Called by ``cli/deploy.py``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from geminid.build.engines import weights_named
from geminid.deploy.llama_options import LlamaOptions
from geminid.engines import weights
from geminid.engines.llama_sizing import SLOTS
from geminid.engines.llama_sizing import threads as cores
from geminid.settings import Llama, RayDeployment, Settings, SettingsError

APPLICATION: Final = "geminid"
LLAMA_DEPLOYMENT: Final = "llama"

_WAITING: Final = 64
"""Requests that a replica has taken beyond those it works on, lists of models and health checks among them."""

_VLLM_ONGOING: Final = 256
"""vLLM's own bound of a batch, ``max_num_seqs``."""

_BACKPRESSURE: Final = {"status_code": 429, "retry_after_s": 1}

ENVIRONMENT: Final[Mapping[str, str]] = {
    # Without it whoever reaches a node's ports runs code there (CVE-2023-48022).
    "RAY_AUTH_MODE": "token",
    # HAProxy passes streams from the replicas' own servers on; the proxy in Python took 9 ms a request and 152 of
    # them a second where this took 0.5 ms and 3,979.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # A replica that ends after it was asked and before it answered: HAProxy asks another one, where the request
    # fits in its buffer.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "65536",
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    "RAY_SERVE_HAPROXY_NBTHREAD": "2",
    # How long a node that is told to end waits for what it serves.
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "10",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Prompts are nobody's log lines.
    "RAYLLM_ENABLE_REQUEST_PROMPT_LOGS": "0",
}
"""What every node of the cluster needs in its environment before Ray starts there."""


def serve_config(settings: Settings) -> dict[str, Any]:
    """Serve's configuration as JSON values. Raises SettingsError."""
    ray = settings.deploy.ray
    if ray.most_replicas is not None and ray.most_replicas < ray.replicas:
        raise SettingsError("[deploy.ray] has a `most_replicas` that is less than `replicas`.")
    if not is_local(ray) and _is_loopback(ray.host):
        raise SettingsError(
            '[deploy.ray] `host` must be "0.0.0.0" with `address`: nodes reach each other\'s replicas.'
        )
    application = _vllm(ray) if ray.model else _llama(settings, ray)
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": ray.host, "port": ray.port, "keep_alive_timeout_s": 75},
        "logging_config": {"enable_access_log": False},
        "applications": [{"name": APPLICATION, "route_prefix": "/", **application}],
    }


def is_local(ray: RayDeployment) -> bool:
    """Whether a node is to be started on this machine."""
    return not ray.address


def _llama(settings: Settings, ray: RayDeployment) -> dict[str, Any]:
    if ray.vllm or ray.accelerator:
        raise SettingsError("[deploy.ray] `vllm` and `accelerator` go with `model`, which names a model for vLLM.")
    engine = settings.engine_of(ray.engine)
    if not isinstance(engine, Llama):
        raise SettingsError(
            f"[deploy.ray] `engine` is {ray.engine!r}, which is no model of llama.cpp. Name one that `geminid "
            'models` lists, or an engine of the file with `kind = "llama"`; for vLLM give `model`.'
        )
    if not ray.key_env and not _is_loopback(ray.host):
        raise SettingsError(
            f"[deploy.ray] listening on {ray.host} would let everyone who reaches it use the model. Name a "
            "variable that holds a key in `key_env`, or listen on 127.0.0.1."
        )
    model = weights_named(engine.weights, settings)
    threads = ray.cores or engine.threads or max(1, cores() // ray.replicas)
    slots = engine.slots or SLOTS
    options = LlamaOptions(
        weights=model, threads=threads, slots=engine.slots, context_tokens=engine.context_tokens,
        projector=str(Path(engine.projector).absolute()) if engine.projector else None,
        waiting=engine.waiting, key_env=ray.key_env,
    )  # fmt: skip
    deployment = {
        "name": LLAMA_DEPLOYMENT,
        **_scale(ray, slots),
        # Beyond what the replica itself bounds: what it is only asked for must not wait behind generations.
        "max_ongoing_requests": slots + engine.waiting + _WAITING,
        "max_queued_requests": _WAITING,
        "backpressure_config": dict(_BACKPRESSURE),
        "health_check_period_s": 2,
        "ray_actor_options": {"num_cpus": threads},
    }
    return {
        "import_path": "geminid.deploy.ray_llama:app",
        "args": msgspec.to_builtins(options),
        "deployments": [deployment],
    }


def _vllm(ray: RayDeployment) -> dict[str, Any]:
    """https://docs.ray.io/en/latest/serve/llm/: ``ray.serve.llm`` names the deployment after the model."""
    if ray.key_env or ray.cores:
        raise SettingsError("[deploy.ray] `key_env` and `cores` go with `engine`; ray.serve.llm knows neither.")
    ongoing = int(ray.vllm.get("max_num_seqs", _VLLM_ONGOING))
    config: dict[str, Any] = {
        "model_loading_config": {"model_id": ray.model, "model_source": ray.model},
        "engine_kwargs": {"enable_prefix_caching": True, **ray.vllm},
        "deployment_config": {
            **_scale(ray, ongoing),
            "max_ongoing_requests": 2 * ongoing,
            "request_router_config": {
                "request_router_class": "ray.serve.llm.request_router.PrefixCacheAffinityRouter",
                # By itself it goes by prefixes however unlike the loads are, and keeps them for ever.
                "request_router_kwargs": {"imbalanced_threshold": 10, "do_eviction": True},
            },
        },
        # Tokens as they come; by default they are held back for 50 ms.
        "experimental_configs": {"stream_batching_interval_ms": 0},
    }
    if ray.accelerator:
        config["accelerator_type"] = ray.accelerator
    ingress = {"max_queued_requests": 2 * ongoing, "backpressure_config": dict(_BACKPRESSURE)}
    return {
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [config], "ingress_deployment_config": ingress},
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise SettingsError(
            f"[deploy.ray] `host` is an address such as 127.0.0.1 or 0.0.0.0, not {host!r}."
        ) from error


def _scale(ray: RayDeployment, at_once: int) -> dict[str, Any]:
    """How many replicas: a number, or between two of them, as long as each writes ``at_once`` answers."""
    if ray.most_replicas is None:
        return {"num_replicas": ray.replicas}
    scaling = {
        "min_replicas": ray.replicas,
        "max_replicas": ray.most_replicas,
        "target_ongoing_requests": at_once,
        "upscale_delay_s": 10,
        "downscale_delay_s": 300,
    }
    return {"autoscaling_config": scaling}


def engine_table(settings: Settings) -> str:
    """The lines of a ``geminid.toml`` that reach what was deployed.

    A call is asked again of another address than the one that failed it, so there are two even where both are the
    same. The nodes of a cluster have one each, which its operator knows.
    """
    ray = settings.deploy.ray
    node = ray.address.rpartition(":")[0] or "127.0.0.1"
    host = node if ipaddress.ip_address(ray.host).is_unspecified else ray.host
    hosts = [host, "localhost"] if host == "127.0.0.1" else [host]
    urls = ", ".join(f'"http://{one}:{ray.port}/v1"' for one in hosts)
    lines = ["[engines.ray]", 'kind = "openai"', f"urls = [{urls}]"]
    if ray.model:
        lines += [f'model = "{ray.model}"', 'dialect = "vllm"']
        return "\n".join(lines)
    engine = settings.engine_of(ray.engine)
    assert isinstance(engine, Llama)
    system = weights_named(engine.weights, settings).system if engine.system is None else engine.system
    lines.append('dialect = "llama"')
    if ray.key_env:
        lines.append(f'api_key_env = "{ray.key_env}"')
    if system:
        lines.append(f"system = {msgspec.json.encode(system).decode()}")
    return "\n".join(lines)


def weights_here(settings: Settings) -> weights.Weights | None:
    """The model whose files a node on this machine needs; None where Ray fetches them on others, or vLLM does."""
    ray = settings.deploy.ray
    engine = settings.engine_of(ray.engine)
    if ray.model or not is_local(ray) or not isinstance(engine, Llama):
        return None
    return weights_named(engine.weights, settings)
