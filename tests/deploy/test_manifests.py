"""The manifests agree with each other and with what they deploy. Kubernetes' own word is in ``ray/``."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from geminid import settings
from geminid.deploy.serve_config import ENVIRONMENT, serve_config
from geminid.settings import Settings

MANIFESTS = Path(__file__).parents[2] / "deploy" / "kubernetes"


def documents(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all((MANIFESTS / name).read_text())


def of_kind(name: str, kind: str) -> dict[str, Any]:
    return next(document for document in documents(name) if document["kind"] == kind)


@pytest.fixture
def served() -> Settings:
    """What the servers read."""
    return msgspec.convert(tomllib.loads(of_kind("geminid.yaml", "ConfigMap")["data"]["geminid.toml"]), Settings)


def test_the_servers_configuration_is_valid(served: Settings) -> None:
    assert settings.checked(served).engine_of(served.engine) == served.engines["fleet"]


def test_a_server_that_leaves_has_the_time_to_drain(served: Settings) -> None:
    pod = of_kind("geminid.yaml", "Deployment")["spec"]["template"]["spec"]
    pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] > pause + served.server.drain_seconds


def test_the_servers_list_every_vllm(served: Settings) -> None:
    vllm, service = of_kind("vllm.yaml", "StatefulSet"), of_kind("vllm.yaml", "Service")
    name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
    fleet = served.engines["fleet"]
    assert isinstance(fleet, settings.OpenAI)

    assert fleet.urls == tuple(f"http://vllm-{one}.{name}:{port}/v1" for one in range(vllm["spec"]["replicas"]))


def test_the_ray_service_runs_what_the_command_writes() -> None:
    service = of_kind("rayservice.yaml", "RayService")["spec"]
    written = serve_config(settings.load(MANIFESTS / "deploy.toml"))

    assert yaml.safe_load(service["serveConfigV2"]) == written


def test_every_node_has_the_environment() -> None:
    cluster = of_kind("rayservice.yaml", "RayService")["spec"]["rayClusterConfig"]
    # KubeRay sets the mode itself, and the token beside it.
    wanted = {name: value for name, value in ENVIRONMENT.items() if name != "RAY_AUTH_MODE"}

    assert cluster["authOptions"]["mode"] == ENVIRONMENT["RAY_AUTH_MODE"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert {one["name"]: one["value"] for one in container["env"]} == wanted
