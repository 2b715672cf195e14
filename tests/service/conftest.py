from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from geminid.engines.base import Engine
from geminid.gemini.profiles import Catalogue
from geminid.media.understand import Understanding
from geminid.service.generative import PredictionService
from geminid.service.judges import Judges
from geminid.service.registry import Registry

ServiceOf: TypeAlias = Callable[..., PredictionService]


@pytest.fixture
def service_of(understanding: Understanding, judges: Judges) -> ServiceOf:
    """A service on an engine, and on others for the ids that keywords name."""

    def service_of(engine: Engine, **engines: Engine) -> PredictionService:
        return PredictionService(Registry(Catalogue(), engine, engines), understanding, judges)

    return service_of
