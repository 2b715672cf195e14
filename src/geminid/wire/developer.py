"""The answers of the Developer API: the messages of google.ai.generativelanguage that are not Vertex AI's.

Only what differs in numbers, order or fields is declared; the rest is Vertex AI's own declaration, which has the
same numbers there. Declarations only: ``gemini/developer.py`` makes these out of Vertex AI's messages. Requests
need no declarations of their own, since the JSON decoder takes the union of both dialects; ``developer_count.py``
has the one that does.
"""

from __future__ import annotations

from geminid.wire.content import Blob, CodeExecutionResult, ExecutableCode, FunctionCall
from geminid.wire.generation import LogprobsResult, ModalityTokenCount
from geminid.wire.message import Bytes, Float32, Int32, Message, Timestamp, WireEnum, field
from geminid.wire.safety import HarmProbability

PACKAGE = "google.ai.generativelanguage.v1beta"


class FinishReason(WireEnum, proto=f"{PACKAGE}.Candidate.FinishReason"):
    """Why a candidate ended. Vertex AI's MODEL_ARMOR has no number here."""

    FINISH_REASON_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED", 0
    STOP = "STOP", 1
    MAX_TOKENS = "MAX_TOKENS", 2
    SAFETY = "SAFETY", 3
    RECITATION = "RECITATION", 4
    OTHER = "OTHER", 5
    LANGUAGE = "LANGUAGE", 6
    BLOCKLIST = "BLOCKLIST", 7
    PROHIBITED_CONTENT = "PROHIBITED_CONTENT", 8
    SPII = "SPII", 9
    MALFORMED_FUNCTION_CALL = "MALFORMED_FUNCTION_CALL", 10
    IMAGE_SAFETY = "IMAGE_SAFETY", 11
    UNEXPECTED_TOOL_CALL = "UNEXPECTED_TOOL_CALL", 12
    TOO_MANY_TOOL_CALLS = "TOO_MANY_TOOL_CALLS", 13
    IMAGE_PROHIBITED_CONTENT = "IMAGE_PROHIBITED_CONTENT", 14
    IMAGE_OTHER = "IMAGE_OTHER", 15
    NO_IMAGE = "NO_IMAGE", 16
    IMAGE_RECITATION = "IMAGE_RECITATION", 17


class BlockReason(WireEnum, proto=f"{PACKAGE}.GenerateContentResponse.PromptFeedback.BlockReason"):
    """Why a prompt was blocked. Vertex AI's MODEL_ARMOR and JAILBREAK have no number here."""

    BLOCK_REASON_UNSPECIFIED = "BLOCK_REASON_UNSPECIFIED", 0
    SAFETY = "SAFETY", 1
    OTHER = "OTHER", 2
    BLOCKLIST = "BLOCKLIST", 3
    PROHIBITED_CONTENT = "PROHIBITED_CONTENT", 4
    IMAGE_SAFETY = "IMAGE_SAFETY", 5


class HarmCategory(WireEnum, proto=f"{PACKAGE}.HarmCategory"):
    """A kind of harm; 1 to 6 were those of PaLM."""

    HARM_CATEGORY_UNSPECIFIED = "HARM_CATEGORY_UNSPECIFIED", 0
    HARM_CATEGORY_HARASSMENT = "HARM_CATEGORY_HARASSMENT", 7
    HARM_CATEGORY_HATE_SPEECH = "HARM_CATEGORY_HATE_SPEECH", 8
    HARM_CATEGORY_SEXUALLY_EXPLICIT = "HARM_CATEGORY_SEXUALLY_EXPLICIT", 9
    HARM_CATEGORY_DANGEROUS_CONTENT = "HARM_CATEGORY_DANGEROUS_CONTENT", 10
    HARM_CATEGORY_CIVIC_INTEGRITY = "HARM_CATEGORY_CIVIC_INTEGRITY", 11


class GenerateContentResponse(Message, proto=f"{PACKAGE}.GenerateContentResponse"):
    """An answer, or one chunk of a streamed answer."""

    candidates: list[Candidate] = field(1)
    prompt_feedback: PromptFeedback | None = field(2)
    usage_metadata: UsageMetadata | None = field(3)
    model_version: str = field(4)
    response_id: str = field(5)


class PromptFeedback(Message, proto=f"{PACKAGE}.GenerateContentResponse.PromptFeedback"):
    """Why there are no candidates."""

    block_reason: BlockReason | None = field(1)
    safety_ratings: list[SafetyRating] = field(2)


class UsageMetadata(Message, proto=f"{PACKAGE}.GenerateContentResponse.UsageMetadata"):
    """What was counted, in tokens."""

    prompt_token_count: Int32 = field(1)
    candidates_token_count: Int32 = field(2)
    total_token_count: Int32 = field(3)
    cached_content_token_count: Int32 = field(4)
    prompt_tokens_details: list[ModalityTokenCount] = field(5)
    cache_tokens_details: list[ModalityTokenCount] = field(6)
    candidates_tokens_details: list[ModalityTokenCount] = field(7)
    tool_use_prompt_token_count: Int32 = field(8)
    tool_use_prompt_tokens_details: list[ModalityTokenCount] = field(9)
    thoughts_token_count: Int32 = field(10)


class Candidate(Message, proto=f"{PACKAGE}.Candidate"):
    """One answer. ``index`` has presence here, and is printed even when it is 0."""

    content: Content | None = field(1)
    finish_reason: FinishReason | None = field(2)
    index: Int32 | None = field(3)
    finish_message: str | None = field(4)
    safety_ratings: list[SafetyRating] = field(5)
    citation_metadata: CitationMetadata | None = field(6)
    avg_logprobs: float = field(10)
    logprobs_result: LogprobsResult | None = field(11)


class Content(Message, proto=f"{PACKAGE}.Content"):
    """One turn, the parts before the role."""

    parts: list[Part] = field(1)
    role: str = field(2)


class Part(Message, proto=f"{PACKAGE}.Part"):
    """One piece of an answer."""

    text: str | None = field(2, oneof="data")
    inline_data: Blob | None = field(3, oneof="data")
    function_call: FunctionCall | None = field(4, oneof="data")
    executable_code: ExecutableCode | None = field(9, oneof="data")
    code_execution_result: CodeExecutionResult | None = field(10, oneof="data")
    thought: bool = field(11)
    thought_signature: Bytes = field(13)


class SafetyRating(Message, proto=f"{PACKAGE}.SafetyRating"):
    """One category of one text; no scores and no severity here."""

    category: HarmCategory | None = field(3)
    probability: HarmProbability | None = field(4)
    blocked: bool = field(5)


class CitationMetadata(Message, proto=f"{PACKAGE}.CitationMetadata"):
    """Where parts of an answer were said before."""

    citation_sources: list[CitationSource] = field(1)


class CitationSource(Message, proto=f"{PACKAGE}.CitationSource"):
    """One source. Indexes are UTF-8 bytes of the answer, the end exclusive."""

    start_index: Int32 | None = field(1)
    end_index: Int32 | None = field(2)
    uri: str | None = field(3)
    license: str | None = field(4)


class CountTokensResponse(Message, proto=f"{PACKAGE}.CountTokensResponse"):
    """The counts; billable characters are not told here."""

    total_tokens: Int32 = field(1)
    cached_content_token_count: Int32 = field(5)
    prompt_tokens_details: list[ModalityTokenCount] = field(6)
    cache_tokens_details: list[ModalityTokenCount] = field(7)


class CachedContent(Message, proto=f"{PACKAGE}.CachedContent"):
    """A cache, ``cachedContents/ID``. The proto has contents, too, which are never told."""

    name: str = field(1)
    model: str = field(2)
    create_time: Timestamp | None = field(7)
    update_time: Timestamp | None = field(8)
    expire_time: Timestamp | None = field(9)
    display_name: str = field(11)
    usage_metadata: CachedContentUsageMetadata | None = field(12)


class CachedContentUsageMetadata(Message, proto=f"{PACKAGE}.CachedContent.UsageMetadata"):
    """How many tokens are cached."""

    total_token_count: Int32 = field(1)


class ListCachedContentsResponse(Message, proto=f"{PACKAGE}.ListCachedContentsResponse"):
    """A page of caches; the last one has no token."""

    cached_contents: list[CachedContent] = field(1)
    next_page_token: str = field(2)


class GetModelRequest(Message, proto=f"{PACKAGE}.GetModelRequest"):
    """Asks for one model, as ``models/ID``."""

    name: str = field(1)


class ListModelsRequest(Message, proto=f"{PACKAGE}.ListModelsRequest"):
    """Asks for a page of models: 50 unless told, at most 1000."""

    page_size: Int32 = field(2)
    page_token: str = field(3)


class ListModelsResponse(Message, proto=f"{PACKAGE}.ListModelsResponse"):
    """A page of models; the last one has no token."""

    models: list[Model] = field(1)
    next_page_token: str = field(2)


class Model(Message, proto=f"{PACKAGE}.Model"):
    """What one id accepts. Limits are tokens; ``temperature``, ``top_p`` and ``top_k`` are the defaults."""

    name: str = field(1)
    version: str = field(3)
    display_name: str = field(4)
    description: str = field(5)
    input_token_limit: Int32 = field(6)
    output_token_limit: Int32 = field(7)
    supported_generation_methods: list[str] = field(8)
    temperature: Float32 | None = field(9)
    top_p: Float32 | None = field(10)
    top_k: Int32 | None = field(11)
    max_temperature: Float32 | None = field(13)
