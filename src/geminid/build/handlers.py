"""Which service answers which method, behind which gates. ``app.py`` makes the services and orders the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geminid.call import Gate, Handler, chain
from geminid.service.caching import GenAiCacheService
from geminid.service.files import FileService
from geminid.service.garden import ModelGardenService, ModelService
from geminid.service.generative import PredictionService
from geminid.service.tokens import LlmUtilityService
from geminid.wire import developer_routes, routes


@dataclass(frozen=True, slots=True)
class Gates:
    """What a call passes, the first of them first: one that generates, one that counts tokens, any other."""

    generating: Sequence[Gate]
    counting: Sequence[Gate]
    others: Sequence[Gate]


@dataclass(frozen=True, slots=True)
class Services:
    """By Google's names; the last two are the Developer API's alone."""

    prediction: PredictionService
    llm_utility: LlmUtilityService
    caches: GenAiCacheService
    garden: ModelGardenService
    models: ModelService
    files: FileService


def vertex_handlers(services: Services, gates: Gates) -> Mapping[routes.Method, Handler]:
    prediction, tokens, caches, garden = (
        services.prediction,
        services.llm_utility,
        services.caches,
        services.garden,
    )
    return {
        routes.GENERATE_CONTENT: chain(gates.generating, prediction.generate_content),
        routes.STREAM_GENERATE_CONTENT: chain(gates.generating, prediction.stream_generate_content),
        routes.COUNT_TOKENS: chain(gates.counting, tokens.count_tokens),
        routes.COMPUTE_TOKENS: chain(gates.counting, tokens.compute_tokens),
        routes.CREATE_CACHED_CONTENT: chain(gates.others, caches.create_cached_content),
        routes.GET_CACHED_CONTENT: chain(gates.others, caches.get_cached_content),
        routes.LIST_CACHED_CONTENTS: chain(gates.others, caches.list_cached_contents),
        routes.UPDATE_CACHED_CONTENT: chain(gates.others, caches.update_cached_content),
        routes.DELETE_CACHED_CONTENT: chain(gates.others, caches.delete_cached_content),
        routes.GET_PUBLISHER_MODEL: chain(gates.others, garden.get_publisher_model),
        routes.LIST_PUBLISHER_MODELS: chain(gates.others, garden.list_publisher_models),
    }


def developer_handlers(
    services: Services, gates: Gates, vertex: Mapping[routes.Method, Handler]
) -> Mapping[developer_routes.Method, Handler]:
    """What both APIs have is answered by the same handler."""
    models, files = services.models, services.files
    return {
        developer_routes.GENERATE_CONTENT: vertex[routes.GENERATE_CONTENT],
        developer_routes.STREAM_GENERATE_CONTENT: vertex[routes.STREAM_GENERATE_CONTENT],
        developer_routes.COUNT_TOKENS: vertex[routes.COUNT_TOKENS],
        developer_routes.CREATE_CACHED_CONTENT: vertex[routes.CREATE_CACHED_CONTENT],
        developer_routes.GET_CACHED_CONTENT: vertex[routes.GET_CACHED_CONTENT],
        developer_routes.LIST_CACHED_CONTENTS: vertex[routes.LIST_CACHED_CONTENTS],
        developer_routes.UPDATE_CACHED_CONTENT: vertex[routes.UPDATE_CACHED_CONTENT],
        developer_routes.DELETE_CACHED_CONTENT: vertex[routes.DELETE_CACHED_CONTENT],
        developer_routes.GET_MODEL: chain(gates.others, models.get_model),
        developer_routes.LIST_MODELS: chain(gates.others, models.list_models),
        developer_routes.GET_FILE: chain(gates.others, files.get_file),
        developer_routes.LIST_FILES: chain(gates.others, files.list_files),
        developer_routes.DELETE_FILE: chain(gates.others, files.delete_file),
    }
