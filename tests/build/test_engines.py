from __future__ import annotations

import re
from pathlib import Path

import pytest

from geminid import settings as config
from geminid.build.engines import registry_of, replicas_of
from geminid.engines.llama_sizing import threads as cores
from geminid.engines.openai_http import OpenAIHTTP
from geminid.engines.pool import Pool
from geminid.settings import Llama, OpenAI, Settings, SettingsError, load

PAGE = Path(__file__).parents[2] / "docs" / "replicas.md"
ONE, TWO = (f"http://127.0.0.1:{port}/v1" for port in (1001, 1002))


def test_the_example_of_the_page_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "geminid.toml"
    path.write_text(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0])

    settings = load(path)

    assert len(replicas_of(settings.engines["fleet"], settings) or ()) == 3
    assert len(replicas_of(settings.engines["small"], settings) or ()) == 2


def test_every_setting_of_a_pool_is_explained() -> None:
    page = PAGE.read_text()

    assert {key for key in config.Pool.__struct_fields__ if f"| `{key}` |" not in page} == set()


def test_several_addresses_make_a_pool() -> None:
    pool = registry_of(Settings(engine="fleet", engines={"fleet": OpenAI(urls=(ONE, TWO))})).fallback

    assert isinstance(pool, Pool)
    assert len(pool.replicas) == 2


def test_one_address_makes_a_server() -> None:
    engine = registry_of(Settings(engine=ONE)).fallback

    assert isinstance(engine, OpenAIHTTP)


def test_children_share_the_threads() -> None:
    made = replicas_of(Llama(replicas=2), Settings())

    assert made is not None
    assert len(made) == 2
    assert all(f"threads={max(1, cores() // 2)}," in name for name in made)


@pytest.mark.parametrize(
    "engine",
    [OpenAI(), OpenAI(url=ONE, urls=(TWO,)), OpenAI(urls=(ONE, ONE)), OpenAI(url=ONE, ca="nowhere.pem")],
    ids=["none", "both", "the same twice", "no certificates"],
)
def test_addresses_that_cannot_be_used(engine: OpenAI) -> None:
    with pytest.raises(SettingsError):
        registry_of(Settings(engine="x", engines={"x": engine}))
