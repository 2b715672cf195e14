"""The manifests against Kubernetes' schemas, and against KubeRay's where its definition is at hand.

GEMINID_KUBERAY_CRD names the file ``ray.io_rayservices.yaml`` of a release of KubeRay's operator.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

pytestmark = pytest.mark.ray

MANIFESTS = Path(__file__).parents[3] / "deploy" / "kubernetes"

CHECK = """
import json, sys
import kubernetes_validate
for document in json.load(sys.stdin):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
"""


def documents() -> Iterator[dict[str, Any]]:
    for path in sorted(MANIFESTS.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def ray_service() -> dict[str, Any]:
    return next(document for document in documents() if document["kind"] == "RayService")


def test_every_document_is_what_kubernetes_takes(ray_python: Path) -> None:
    """Of a RayService that is the pods; the rest of it is KubeRay's."""
    cluster = ray_service()["spec"]["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = [{"apiVersion": "v1", "kind": "PodTemplate", "template": group["template"]} for group in groups]
    plain = [document for document in documents() if document["kind"] != "RayService"]

    done = subprocess.run(
        [str(ray_python), "-c", CHECK],
        input=json.dumps([*plain, *pods]),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr


def test_the_ray_service_is_what_kuberay_takes() -> None:
    if "GEMINID_KUBERAY_CRD" not in os.environ:
        pytest.skip("GEMINID_KUBERAY_CRD names no definition")
    definition = yaml.safe_load(Path(os.environ["GEMINID_KUBERAY_CRD"]).read_text())
    (schema,) = [v["schema"]["openAPIV3Schema"] for v in definition["spec"]["versions"] if v["name"] == "v1"]

    problems = list(jsonschema.Draft7Validator(closed(schema)).iter_errors(ray_service()))

    assert [f"{list(problem.path)}: {problem.message}" for problem in problems] == []


def closed(schema: Any) -> Any:
    """The schema as the API server takes it with strict validation: what it does not name is wrong."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    open_ended = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if isinstance(made.get("properties"), dict) and made.get("type") == "object" and not open_ended:
        made["additionalProperties"] = False
    return made
