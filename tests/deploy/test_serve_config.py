"""Settings -> what Ray Serve is told. Held against Ray's own classes in ``ray/``."""

from __future__ import annotations

import pytest

from geminid.deploy.serve_config import engine_table, serve_config
from geminid.settings import Deploy, Llama, RayDeployment, Settings, SettingsError


def settings(**ray: object) -> Settings:
    small = Llama(slots=4, context_tokens=2048)
    return Settings(engines={"small": small}, deploy=Deploy(ray=RayDeployment(**{"engine": "small", **ray})))


def test_a_llama_engine_becomes_replicas_with_a_child_each() -> None:
    (application,) = serve_config(settings(replicas=3, cores=2))["applications"]
    (deployment,) = application["deployments"]

    assert application["import_path"] == "geminid.deploy.ray_llama:app"
    assert application["args"]["slots"] == 4
    assert application["args"]["threads"] == 2
    assert deployment["num_replicas"] == 3
    assert deployment["ray_actor_options"] == {"num_cpus": 2}


def test_with_most_replicas_their_number_follows_the_answers_under_way() -> None:
    (application,) = serve_config(settings(replicas=1, most_replicas=5))["applications"]
    scaling = application["deployments"][0]["autoscaling_config"]

    assert (scaling["min_replicas"], scaling["max_replicas"], scaling["target_ongoing_requests"]) == (1, 5, 4)


def test_a_model_for_vllm_is_served_by_rays_own_application() -> None:
    ray = {"model": "Qwen/Qwen3-8B", "accelerator": "L4", "vllm": {"max_num_seqs": 32}}
    (application,) = serve_config(settings(**ray))["applications"]
    (model,) = application["args"]["llm_configs"]

    assert application["import_path"] == "ray.serve.llm:build_openai_app"
    assert model["engine_kwargs"] == {"enable_prefix_caching": True, "max_num_seqs": 32}
    assert model["accelerator_type"] == "L4"
    assert model["experimental_configs"] == {"stream_batching_interval_ms": 0}


@pytest.mark.parametrize(
    ("ray", "names"),
    [
        ({"engine": "scripted"}, "no model of llama.cpp"),
        ({"engine": "gpt-9"}, "neither an engine nor a model"),
        ({"most_replicas": 1}, "less than `replicas`"),
        ({"vllm": {"max_model_len": 4096}}, "go with `model`"),
        ({"model": "m", "key_env": "KEY"}, "ray.serve.llm knows neither"),
        ({"host": "0.0.0.0"}, "everyone who reaches it"),
        ({"host": "everywhere"}, "is an address"),
        ({"address": "10.0.0.5:6379"}, '`host` must be "0.0.0.0"'),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_the_key(ray: dict[str, object], names: str) -> None:
    with pytest.raises(SettingsError, match=r"\[deploy.ray\]|neither an engine") as refused:
        serve_config(settings(**ray))

    assert names in str(refused.value)


def test_the_table_for_geminid_toml_reaches_the_cluster() -> None:
    table = engine_table(settings(address="10.0.0.5:6379", host="0.0.0.0", key_env="RAY_KEY"))

    assert 'urls = ["http://10.0.0.5:8000/v1"]' in table
    assert 'api_key_env = "RAY_KEY"' in table
    assert 'dialect = "llama"' in table
    assert "system = " in table


def test_the_one_node_of_a_machine_has_two_addresses() -> None:
    assert 'urls = ["http://127.0.0.1:8000/v1", "http://localhost:8000/v1"]' in engine_table(settings())
