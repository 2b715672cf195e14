"""SafetySettings -> a policy, and verdicts -> what an answer says of them. Pure; called by ``service/``.

https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/configure-safety-filters
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from geminid.errors import InvalidArgument
from geminid.gemini import support
from geminid.gemini.profiles import Profile
from geminid.judgement import Category, Citation, Method, Policy, Rating, Setting, Threshold
from geminid.wire import grounding
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.grounding import CitationMetadata
from geminid.wire.safety import (
    HarmBlockMethod,
    HarmBlockThreshold,
    HarmCategory,
    HarmProbability,
    HarmSeverity,
    SafetyRating,
    SafetySetting,
)

_CATEGORIES = {HarmCategory[f"HARM_CATEGORY_{category.name}"]: category for category in Category}
_HARM = {category: harm for harm, category in _CATEGORIES.items()}
_THRESHOLDS = {HarmBlockThreshold[threshold.name]: threshold for threshold in Threshold}
_DEFAULTS = {threshold: Policy({category: Setting(threshold) for category in Category}) for threshold in Threshold}
_METHODS = {HarmBlockMethod[method.name]: method for method in Method}


def policy_of(request: GenerateContentRequest, profile: Profile) -> Policy:
    """What was asked for, the model's default where nothing was. Of two settings of a category the last one holds.

    Raises InvalidArgument for a setting without a category, Unimplemented for one that is not rated.
    """
    if not request.safety_settings:
        return _DEFAULTS[profile.safety]
    settings = {category: Setting(profile.safety) for category in Category}
    for index, setting in enumerate(request.safety_settings):
        if setting == SafetySetting() or setting.category is HarmCategory.HARM_CATEGORY_CIVIC_INTEGRITY:
            continue  # the first is how Google's reference writes an outline, the second it takes without effect
        category = _category(setting, f"safety_settings[{index}]")
        settings[category] = Setting(_threshold(setting, profile), _method(setting))
    return Policy(settings)


def rated(ratings: Iterable[Rating]) -> list[SafetyRating]:
    """As answers have them."""
    return [
        SafetyRating(
            category=_HARM[rating.category],
            probability=HarmProbability[rating.probability.name],
            blocked=rating.blocked,
            probability_score=rating.probability_score,
            severity=HarmSeverity[f"HARM_SEVERITY_{rating.severity.name}"],
            severity_score=rating.severity_score,
        )
        for rating in ratings
    ]


def cited(citations: Sequence[Citation]) -> CitationMetadata | None:
    """None without any."""
    if not citations:
        return None
    return CitationMetadata(citations=[_citation(citation) for citation in citations])


def _citation(citation: Citation) -> grounding.Citation:
    date = citation.date
    return grounding.Citation(
        start_index=citation.start,
        end_index=citation.end,
        uri=citation.uri,
        title=citation.title,
        license=citation.license,
        publication_date=grounding.Date(year=date.year, month=date.month, day=date.day) if date else None,
    )


def _category(setting: SafetySetting, path: str) -> Category:
    if setting.category in _CATEGORIES:
        return _CATEGORIES[setting.category]
    if setting.category in (None, HarmCategory.HARM_CATEGORY_UNSPECIFIED):
        raise InvalidArgument(
            f"{path}.category: element predicate failed: $.category in (HARM_CATEGORY_HATE_SPEECH, "
            "HARM_CATEGORY_DANGEROUS_CONTENT, HARM_CATEGORY_HARASSMENT, HARM_CATEGORY_SEXUALLY_EXPLICIT)"
        )
    raise support.refusal(f"{path}.category")


def _threshold(setting: SafetySetting, profile: Profile) -> Threshold:
    """Without one, or with UNSPECIFIED, it is the model's."""
    return _THRESHOLDS.get(setting.threshold, profile.safety) if setting.threshold else profile.safety


def _method(setting: SafetySetting) -> Method:
    return _METHODS.get(setting.method, Method.PROBABILITY) if setting.method else Method.PROBABILITY
