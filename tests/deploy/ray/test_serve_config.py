"""What is generated for vLLM, held against Ray's own classes. It is not run: that takes GPUs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from geminid.deploy.serve_config import serve_config
from geminid.settings import Deploy, RayDeployment, Settings

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

# The router's class is left to its parameters: to import it from where it is public takes an installed vLLM.
CHECK = """
import inspect, json, sys
from ray.llm._internal.serve.core.configs.llm_config import LLMConfig
from ray.llm._internal.serve.routing_policies.prefix_aware.prefix_aware_router import PrefixCacheAffinityRouter
from ray.serve.schema import DeploymentSchema, ServeDeploySchema

config = json.load(sys.stdin)
ServeDeploySchema.model_validate(config)
[application] = config["applications"]
[model] = application["args"]["llm_configs"]
router = model["deployment_config"].pop("request_router_config")
known = inspect.signature(PrefixCacheAffinityRouter.initialize_state).parameters
assert set(router["request_router_kwargs"]) <= set(known), known
assert router["request_router_class"] == "ray.serve.llm.request_router." + PrefixCacheAffinityRouter.__name__
checked = LLMConfig.model_validate(model)
assert checked.model_id == "Qwen/Qwen3-8B"
DeploymentSchema.model_validate({"name": "ingress", **application["args"]["ingress_deployment_config"]})
"""


def test_what_is_written_for_vllm_is_what_ray_takes(ray_python: Path) -> None:
    ray = RayDeployment(
        model="Qwen/Qwen3-8B", accelerator="L4", replicas=1, most_replicas=4, vllm={"max_model_len": 8192}
    )
    config = serve_config(Settings(deploy=Deploy(ray=ray)))

    done = subprocess.run(
        [str(ray_python), "-c", CHECK], input=json.dumps(config), capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
