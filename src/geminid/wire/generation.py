"""GenerateContent: the request, how to generate, and the answer.

The messages of Google's prediction_service.proto and, of its content.proto, the configuration and the
candidates. Declarations only.
"""

from __future__ import annotations

from typing import Any

from geminid.wire.content import Content
from geminid.wire.grounding import CitationMetadata, GroundingMetadata, UrlContextMetadata
from geminid.wire.message import Float32, Int32, Message, Timestamp, WireEnum, field
from geminid.wire.output import ImageConfig, ResponseModality, SpeechConfig
from geminid.wire.safety import ModelArmorConfig, SafetyRating, SafetySetting
from geminid.wire.tools import Schema, Tool, ToolConfig


class Modality(WireEnum):
    """A kind of input or output, in token counts."""

    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED", 0
    TEXT = "TEXT", 1
    IMAGE = "IMAGE", 2
    VIDEO = "VIDEO", 3
    AUDIO = "AUDIO", 4
    DOCUMENT = "DOCUMENT", 5


class MediaResolution(WireEnum, proto="GenerationConfig.MediaResolution"):
    """How finely media is looked at."""

    MEDIA_RESOLUTION_UNSPECIFIED = "MEDIA_RESOLUTION_UNSPECIFIED", 0
    MEDIA_RESOLUTION_LOW = "MEDIA_RESOLUTION_LOW", 1
    MEDIA_RESOLUTION_MEDIUM = "MEDIA_RESOLUTION_MEDIUM", 2
    MEDIA_RESOLUTION_HIGH = "MEDIA_RESOLUTION_HIGH", 3


class ThinkingLevel(WireEnum, proto="GenerationConfig.ThinkingConfig.ThinkingLevel"):
    """How much to think."""

    THINKING_LEVEL_UNSPECIFIED = "THINKING_LEVEL_UNSPECIFIED", 0
    LOW = "LOW", 1
    MEDIUM = "MEDIUM", 2
    HIGH = "HIGH", 3
    MINIMAL = "MINIMAL", 4


class ModelRoutingPreference(
    WireEnum, proto="GenerationConfig.RoutingConfig.AutoRoutingMode.ModelRoutingPreference"
):
    """What routing prefers."""

    UNKNOWN = "UNKNOWN", 0
    PRIORITIZE_QUALITY = "PRIORITIZE_QUALITY", 1
    BALANCED = "BALANCED", 2
    PRIORITIZE_COST = "PRIORITIZE_COST", 3


class FeatureSelectionPreference(WireEnum, proto="GenerationConfig.ModelConfig.FeatureSelectionPreference"):
    """What the choice of features prefers."""

    FEATURE_SELECTION_PREFERENCE_UNSPECIFIED = "FEATURE_SELECTION_PREFERENCE_UNSPECIFIED", 0
    PRIORITIZE_QUALITY = "PRIORITIZE_QUALITY", 1
    BALANCED = "BALANCED", 2
    PRIORITIZE_COST = "PRIORITIZE_COST", 3


class FinishReason(WireEnum, proto="Candidate.FinishReason"):
    """Why a candidate ended. The numbers from 6 on differ from those of the Developer API."""

    FINISH_REASON_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED", 0
    STOP = "STOP", 1
    MAX_TOKENS = "MAX_TOKENS", 2
    SAFETY = "SAFETY", 3
    RECITATION = "RECITATION", 4
    OTHER = "OTHER", 5
    BLOCKLIST = "BLOCKLIST", 6
    PROHIBITED_CONTENT = "PROHIBITED_CONTENT", 7
    SPII = "SPII", 8
    MALFORMED_FUNCTION_CALL = "MALFORMED_FUNCTION_CALL", 9
    MODEL_ARMOR = "MODEL_ARMOR", 10


class BlockedReason(WireEnum, proto="GenerateContentResponse.PromptFeedback.BlockedReason"):
    """Why a prompt was blocked."""

    BLOCKED_REASON_UNSPECIFIED = "BLOCKED_REASON_UNSPECIFIED", 0
    SAFETY = "SAFETY", 1
    OTHER = "OTHER", 2
    BLOCKLIST = "BLOCKLIST", 3
    PROHIBITED_CONTENT = "PROHIBITED_CONTENT", 4
    MODEL_ARMOR = "MODEL_ARMOR", 5
    JAILBREAK = "JAILBREAK", 6


class TrafficType(WireEnum, proto="GenerateContentResponse.UsageMetadata.TrafficType"):
    """Which quota served the request."""

    TRAFFIC_TYPE_UNSPECIFIED = "TRAFFIC_TYPE_UNSPECIFIED", 0
    ON_DEMAND = "ON_DEMAND", 1
    PROVISIONED_THROUGHPUT = "PROVISIONED_THROUGHPUT", 2
    ON_DEMAND_PRIORITY = "ON_DEMAND_PRIORITY", 3
    ON_DEMAND_FLEX = "ON_DEMAND_FLEX", 4


class GenerateContentRequest(Message):
    """A prompt: the turns so far, the last one asking. Both forms of the method take it."""

    contents: list[Content] = field(2)
    safety_settings: list[SafetySetting] = field(3)
    generation_config: GenerationConfig | None = field(4)
    model: str = field(5)
    tools: list[Tool] = field(6)
    tool_config: ToolConfig | None = field(7)
    system_instruction: Content | None = field(8)
    cached_content: str = field(9)
    labels: dict[str, str] = field(10)
    model_armor_config: ModelArmorConfig | None = field(11)


class GenerationConfig(Message):
    """How to generate. Ranges are the model's, not the message's."""

    temperature: Float32 | None = field(1)
    top_p: Float32 | None = field(2)
    top_k: Float32 | None = field(3)
    candidate_count: Int32 | None = field(4)
    max_output_tokens: Int32 | None = field(5)
    stop_sequences: list[str] = field(6)
    logprobs: Int32 | None = field(7)
    presence_penalty: Float32 | None = field(8)
    frequency_penalty: Float32 | None = field(9)
    seed: Int32 | None = field(12)
    response_mime_type: str = field(13)
    response_schema: Schema | None = field(16)
    routing_config: RoutingConfig | None = field(17)
    response_logprobs: bool | None = field(18)
    audio_timestamp: bool | None = field(20)
    response_modalities: list[ResponseModality] = field(21)
    media_resolution: MediaResolution | None = field(22)
    speech_config: SpeechConfig | None = field(23)
    thinking_config: ThinkingConfig | None = field(25)
    model_config: ModelConfig | None = field(27)
    response_json_schema: Any = field(28)
    image_config: ImageConfig | None = field(30)


class RoutingConfig(Message, proto="GenerationConfig.RoutingConfig"):
    """Lets the service choose the model."""

    auto_mode: AutoRoutingMode | None = field(1, oneof="routing_config")
    manual_mode: ManualRoutingMode | None = field(2, oneof="routing_config")


class AutoRoutingMode(Message, proto="GenerationConfig.RoutingConfig.AutoRoutingMode"):
    """A model by preference."""

    model_routing_preference: ModelRoutingPreference | None = field(1)


class ManualRoutingMode(Message, proto="GenerationConfig.RoutingConfig.ManualRoutingMode"):
    """A model by name."""

    model_name: str | None = field(1)


class ModelConfig(Message, proto="GenerationConfig.ModelConfig"):
    """Chooses features of the model; v1beta1 only."""

    feature_selection_preference: FeatureSelectionPreference | None = field(1)


class ThinkingConfig(Message, proto="GenerationConfig.ThinkingConfig"):
    """How much to think, in tokens or by level, and whether to tell."""

    include_thoughts: bool | None = field(1)
    thinking_budget: Int32 | None = field(3)
    thinking_level: ThinkingLevel | None = field(4)


class GenerateContentResponse(Message):
    """An answer, or one chunk of a streamed answer."""

    candidates: list[Candidate] = field(2)
    prompt_feedback: PromptFeedback | None = field(3)
    usage_metadata: UsageMetadata | None = field(4)
    model_version: str = field(11)
    create_time: Timestamp | None = field(12)
    response_id: str = field(13)


class PromptFeedback(Message, proto="GenerateContentResponse.PromptFeedback"):
    """Why there are no candidates."""

    block_reason: BlockedReason | None = field(1)
    safety_ratings: list[SafetyRating] = field(2)
    block_reason_message: str = field(3)


class UsageMetadata(Message, proto="GenerateContentResponse.UsageMetadata"):
    """What was counted, in tokens. Field 13 is on the wire of v1 and in no published proto."""

    prompt_token_count: Int32 = field(1)
    candidates_token_count: Int32 = field(2)
    total_token_count: Int32 = field(3)
    cached_content_token_count: Int32 = field(5)
    traffic_type: TrafficType | None = field(8)
    prompt_tokens_details: list[ModalityTokenCount] = field(9)
    cache_tokens_details: list[ModalityTokenCount] = field(10)
    candidates_tokens_details: list[ModalityTokenCount] = field(11)
    tool_use_prompt_tokens_details: list[ModalityTokenCount] = field(12)
    tool_use_prompt_token_count: Int32 = field(13)
    thoughts_token_count: Int32 = field(14)


class ModalityTokenCount(Message):
    """The tokens of one modality."""

    modality: Modality | None = field(1)
    token_count: Int32 = field(2)


class Candidate(Message):
    """One answer. ``avg_logprobs`` is a mean of natural logarithms."""

    index: Int32 = field(1)
    content: Content | None = field(2)
    finish_reason: FinishReason | None = field(3)
    safety_ratings: list[SafetyRating] = field(4)
    finish_message: str | None = field(5)
    citation_metadata: CitationMetadata | None = field(6)
    grounding_metadata: GroundingMetadata | None = field(7)
    score: float = field(8)
    avg_logprobs: float = field(9)
    logprobs_result: LogprobsResult | None = field(10)
    url_context_metadata: UrlContextMetadata | None = field(11)


class LogprobsResult(Message):
    """Log probabilities, one entry for each generated token."""

    top_candidates: list[TopCandidates] = field(1)
    chosen_candidates: list[LogprobsCandidate] = field(2)


class TopCandidates(Message, proto="LogprobsResult.TopCandidates"):
    """The most likely tokens at one place, best first."""

    candidates: list[LogprobsCandidate] = field(1)


class LogprobsCandidate(Message, proto="LogprobsResult.Candidate"):
    """A token and the natural logarithm of its probability."""

    token: str | None = field(1)
    log_probability: Float32 | None = field(2)
    token_id: Int32 | None = field(3)
