"""What a model may call: function declarations, their schemas, and the built-in tools.

The messages of Google's tool.proto and openapi.proto; what retrieval tools point at is in ``grounding.py``.
Declarations only.
"""

from __future__ import annotations

from typing import Any

from geminid.wire.grounding import Retrieval
from geminid.wire.message import Float32, Int64, Message, Struct, WireEnum, field


class Type(WireEnum):
    """The type of a Schema; OpenAPI's names in capitals."""

    TYPE_UNSPECIFIED = "TYPE_UNSPECIFIED", 0
    STRING = "STRING", 1
    NUMBER = "NUMBER", 2
    INTEGER = "INTEGER", 3
    BOOLEAN = "BOOLEAN", 4
    ARRAY = "ARRAY", 5
    OBJECT = "OBJECT", 6


class FunctionCallingMode(WireEnum, proto="FunctionCallingConfig.Mode"):
    """Whether the model may, must or must not call functions."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED", 0
    AUTO = "AUTO", 1
    ANY = "ANY", 2
    NONE = "NONE", 3
    VALIDATED = "VALIDATED", 5


class DynamicRetrievalMode(WireEnum, proto="DynamicRetrievalConfig.Mode"):
    """When search is used."""

    MODE_UNSPECIFIED = "MODE_UNSPECIFIED", 0
    MODE_DYNAMIC = "MODE_DYNAMIC", 1


class PhishBlockThreshold(WireEnum, proto="Tool.PhishBlockThreshold"):
    """From which confidence on a phishing site is left out of the results."""

    PHISH_BLOCK_THRESHOLD_UNSPECIFIED = "PHISH_BLOCK_THRESHOLD_UNSPECIFIED", 0
    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE", 30
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE", 40
    BLOCK_HIGH_AND_ABOVE = "BLOCK_HIGH_AND_ABOVE", 50
    BLOCK_HIGHER_AND_ABOVE = "BLOCK_HIGHER_AND_ABOVE", 55
    BLOCK_VERY_HIGH_AND_ABOVE = "BLOCK_VERY_HIGH_AND_ABOVE", 60
    BLOCK_ONLY_EXTREMELY_HIGH = "BLOCK_ONLY_EXTREMELY_HIGH", 100


class Environment(WireEnum, proto="Tool.ComputerUse.Environment"):
    """Where the model operates a computer."""

    ENVIRONMENT_UNSPECIFIED = "ENVIRONMENT_UNSPECIFIED", 0
    ENVIRONMENT_BROWSER = "ENVIRONMENT_BROWSER", 1


class Schema(Message):
    """A subset of an OpenAPI 3.0 schema. Bounds have presence, so that ``"minimum": 0`` is one."""

    type: Type | None = field(1)
    items: Schema | None = field(2)
    properties: dict[str, Schema] = field(3)
    example: Any = field(4)
    required: list[str] = field(5)
    nullable: bool = field(6)
    format: str = field(7)
    description: str = field(8)
    enum: list[str] = field(9)
    any_of: list[Schema] = field(11)
    min_properties: Int64 | None = field(14)
    max_properties: Int64 | None = field(15)
    minimum: float | None = field(16)
    maximum: float | None = field(17)
    min_length: Int64 | None = field(18)
    max_length: Int64 | None = field(19)
    pattern: str = field(20)
    min_items: Int64 | None = field(21)
    max_items: Int64 | None = field(22)
    default: Any = field(23)
    title: str = field(24)
    property_ordering: list[str] = field(25)
    additional_properties: Any = field(26)
    ref: str = field(27)
    defs: dict[str, Schema] = field(28)


class FunctionDeclaration(Message):
    """A function: name of at most 64 characters, and its parameters as Schema or as JSON Schema."""

    name: str = field(1)
    description: str = field(2)
    parameters: Schema | None = field(3)
    response: Schema | None = field(4)
    parameters_json_schema: Any = field(5)
    response_json_schema: Any = field(6)


class Tool(Message):
    """A set of functions (at most 128 in a request), or one built-in tool."""

    function_declarations: list[FunctionDeclaration] = field(1)
    retrieval: Retrieval | None = field(2)
    google_search_retrieval: GoogleSearchRetrieval | None = field(3)
    code_execution: CodeExecution | None = field(4)
    google_maps: GoogleMaps | None = field(5)
    enterprise_web_search: EnterpriseWebSearch | None = field(6)
    google_search: GoogleSearch | None = field(7)
    url_context: UrlContext | None = field(10)
    computer_use: ComputerUse | None = field(11)
    parallel_ai_search: ParallelAiSearch | None = field(13)
    exa_ai_search: ExaAiSearch | None = field(15)


class GoogleSearch(Message, proto="Tool.GoogleSearch"):
    """Search of the web, whenever the model wants it."""

    exclude_domains: list[str] = field(3)
    blocking_confidence: PhishBlockThreshold | None = field(4)


class GoogleSearchRetrieval(Message):
    """Search of the web as the 1.5 models know it."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = field(2)


class DynamicRetrievalConfig(Message):
    """Searches when the predicted gain, 0 to 1, reaches ``dynamic_threshold``."""

    mode: DynamicRetrievalMode | None = field(1)
    dynamic_threshold: Float32 | None = field(2)


class GoogleMaps(Message):
    """Places from Google Maps; ``enable_widget`` asks for a token to show them with."""

    enable_widget: bool = field(1)


class EnterpriseWebSearch(Message):
    """Search of a web index fit for regulated industries. v1beta1 numbers the last field 4."""

    exclude_domains: list[str] = field(1)
    blocking_confidence: PhishBlockThreshold | None = field(2)


class ParallelAiSearch(Message, proto="Tool.ParallelAiSearch"):
    """Search by Parallel."""

    api_key: str = field(1)
    custom_configs: Struct | None = field(3)
    enable_zero_data_retention: bool = field(4)


class ExaAiSearch(Message, proto="Tool.ExaAiSearch"):
    """Search by Exa."""

    api_key: str = field(1)
    custom_configs: Struct | None = field(2)


class CodeExecution(Message, proto="Tool.CodeExecution"):
    """Lets the model run Python it wrote. No options."""


class UrlContext(Message):
    """Lets the model read the URLs of the prompt. No options."""


class ComputerUse(Message, proto="Tool.ComputerUse"):
    """Lets the model operate a computer by predefined functions."""

    environment: Environment | None = field(1)
    excluded_predefined_functions: list[str] = field(2)


class ToolConfig(Message):
    """How tools are used, for all tools of the request."""

    function_calling_config: FunctionCallingConfig | None = field(1)
    retrieval_config: RetrievalConfig | None = field(2)


class FunctionCallingConfig(Message):
    """Which functions may or must be called."""

    mode: FunctionCallingMode | None = field(1)
    allowed_function_names: list[str] = field(2)
    stream_function_call_arguments: bool = field(4)


class RetrievalConfig(Message):
    """Where and in which language to search."""

    lat_lng: LatLng | None = field(1)
    language_code: str | None = field(2)


class LatLng(Message, proto="google.type.LatLng"):
    """A place in WGS84 degrees."""

    latitude: float = field(1)
    longitude: float = field(2)
