"""Asks Ray: apply, status, shut down. The one place on our side of the address that imports Ray.

Ray's dashboard is off, and with it the routes that the commands ``serve deploy`` and ``serve status`` speak to; a
driver of the cluster does the same through Ray's ports, which want the token. Called by ``cli/deploy.py``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class RayError(Exception):
    """What is to be done cannot be done; the message says why, and what helps."""


@dataclass(frozen=True, slots=True)
class Status:
    """``state`` is Serve's word: RUNNING, DEPLOYING, DEPLOY_FAILED …; empty where nothing is deployed."""

    state: str = ""
    message: str = ""
    replicas: Mapping[str, str] = field(default_factory=dict)
    """By deployment, as ``2 RUNNING, 1 STARTING``."""


def prepare(environment: Mapping[str, str]) -> None:
    """Called before anything else here: Ray reads the environment when it is imported. Raises RayError."""
    if importlib.util.find_spec("ray") is None:
        raise RayError("Ray is not installed here. Install it: pip install 'geminid[ray]'")
    os.environ.update(environment)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """As a driver of the cluster at ``address``. Raises RayError."""
    import ray
    from ray.exceptions import RayError as ErrorOfRay

    try:
        ray.init(address=address, namespace="serve", log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, TimeoutError, RuntimeError, ValueError, ErrorOfRay) as error:
        raise RayError(
            f"there is no Ray cluster at {address} that lets us in ({_line(error)}). Is the token of that cluster "
            "in RAY_AUTH_TOKEN, or the path of its file in RAY_AUTH_TOKEN_PATH?"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def checked(config: Mapping[str, Any]) -> None:
    """Raises RayError for what Ray does not take."""
    from pydantic import ValidationError
    from ray.serve.schema import ServeDeploySchema

    try:
        ServeDeploySchema.model_validate(config)
    except ValidationError as error:
        raise RayError(f"this release of Ray does not take the configuration: {error}") from error


def apply(config: Path, address: str) -> None:
    """By ``serve run``, the one command that needs no dashboard. Returns before anything runs. Raises RayError."""
    program = "from ray.serve.scripts import cli; cli()"
    command = [sys.executable, "-c", program, "run", "--non-blocking", "--address", address, str(config)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or "Submitted" not in done.stdout + done.stderr:
        raise RayError(f"Ray Serve did not take it: {_last_line(done.stderr or done.stdout)}")


def status(application: str) -> Status:
    from ray import serve

    found = serve.status().applications.get(application)
    if found is None:
        return Status()
    replicas = {
        name: ", ".join(f"{number} {state}" for state, number in one.replica_states.items())
        for name, one in found.deployments.items()
    }
    reasons = [one.message for one in found.deployments.values() if one.message]
    return Status(str(found.status.value), found.message or " ".join(reasons), replicas)


def wait_running(application: str, seconds: float) -> Status:
    """Returns when all replicas run, or after so many seconds. Raises RayError when the deployment has failed."""
    deadline = time.monotonic() + seconds
    while True:
        told = status(application)
        if told.state in ("DEPLOY_FAILED", "UNHEALTHY"):
            raise RayError(f"Ray Serve could not deploy it: {told.message}")
        if told.state == "RUNNING" or time.monotonic() > deadline:
            return told
        time.sleep(0.5)


def delete(application: str) -> None:
    """Ends the application; its replicas first end what they are serving."""
    from ray import serve

    serve.delete(application)


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it does not say why"
