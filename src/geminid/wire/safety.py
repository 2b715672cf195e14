"""What may be said: thresholds in a request, ratings in an answer.

The safety messages of Google's content.proto. Declarations only.
"""

from __future__ import annotations

from geminid.wire.message import Float32, Message, WireEnum, field


class HarmCategory(WireEnum):
    """A kind of harm. The numbers differ from those of the Developer API."""

    HARM_CATEGORY_UNSPECIFIED = "HARM_CATEGORY_UNSPECIFIED", 0
    HARM_CATEGORY_HATE_SPEECH = "HARM_CATEGORY_HATE_SPEECH", 1
    HARM_CATEGORY_DANGEROUS_CONTENT = "HARM_CATEGORY_DANGEROUS_CONTENT", 2
    HARM_CATEGORY_HARASSMENT = "HARM_CATEGORY_HARASSMENT", 3
    HARM_CATEGORY_SEXUALLY_EXPLICIT = "HARM_CATEGORY_SEXUALLY_EXPLICIT", 4
    HARM_CATEGORY_CIVIC_INTEGRITY = "HARM_CATEGORY_CIVIC_INTEGRITY", 5
    HARM_CATEGORY_JAILBREAK = "HARM_CATEGORY_JAILBREAK", 6


class HarmBlockThreshold(WireEnum, proto="SafetySetting.HarmBlockThreshold"):
    """From which rating on content is blocked. ``OFF`` does not rate at all."""

    HARM_BLOCK_THRESHOLD_UNSPECIFIED = "HARM_BLOCK_THRESHOLD_UNSPECIFIED", 0
    BLOCK_LOW_AND_ABOVE = "BLOCK_LOW_AND_ABOVE", 1
    BLOCK_MEDIUM_AND_ABOVE = "BLOCK_MEDIUM_AND_ABOVE", 2
    BLOCK_ONLY_HIGH = "BLOCK_ONLY_HIGH", 3
    BLOCK_NONE = "BLOCK_NONE", 4
    OFF = "OFF", 5


class HarmBlockMethod(WireEnum, proto="SafetySetting.HarmBlockMethod"):
    """Whether a threshold means the probability of harm or its severity."""

    HARM_BLOCK_METHOD_UNSPECIFIED = "HARM_BLOCK_METHOD_UNSPECIFIED", 0
    SEVERITY = "SEVERITY", 1
    PROBABILITY = "PROBABILITY", 2


class HarmProbability(WireEnum, proto="SafetyRating.HarmProbability"):
    """How likely content is harmful."""

    HARM_PROBABILITY_UNSPECIFIED = "HARM_PROBABILITY_UNSPECIFIED", 0
    NEGLIGIBLE = "NEGLIGIBLE", 1
    LOW = "LOW", 2
    MEDIUM = "MEDIUM", 3
    HIGH = "HIGH", 4


class HarmSeverity(WireEnum, proto="SafetyRating.HarmSeverity"):
    """How harmful content would be."""

    HARM_SEVERITY_UNSPECIFIED = "HARM_SEVERITY_UNSPECIFIED", 0
    HARM_SEVERITY_NEGLIGIBLE = "HARM_SEVERITY_NEGLIGIBLE", 1
    HARM_SEVERITY_LOW = "HARM_SEVERITY_LOW", 2
    HARM_SEVERITY_MEDIUM = "HARM_SEVERITY_MEDIUM", 3
    HARM_SEVERITY_HIGH = "HARM_SEVERITY_HIGH", 4


class SafetySetting(Message):
    """The threshold for one category; at most one for each."""

    category: HarmCategory | None = field(1)
    threshold: HarmBlockThreshold | None = field(2)
    method: HarmBlockMethod | None = field(4)


class SafetyRating(Message):
    """One category of one text. Scores are 0 to 1."""

    category: HarmCategory | None = field(1)
    probability: HarmProbability | None = field(2)
    blocked: bool = field(3)
    probability_score: Float32 = field(5)
    severity: HarmSeverity | None = field(6)
    severity_score: Float32 = field(7)


class ModelArmorConfig(Message):
    """Names of Model Armor templates, instead of safety settings."""

    prompt_template_name: str = field(1)
    response_template_name: str = field(2)
