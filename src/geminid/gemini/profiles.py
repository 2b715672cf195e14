"""The catalogue of model ids: what each one accepts, and its defaults.

A *profile* is a promise about an id (ranges, defaults, features, context window), as Google's model reference
gives it; which local model answers is configuration, and not here. Used by ``gemini/request.py`` to check a
request and by the services that list models.

Ranges are half open, as the service prints them: ``0 (inclusive) to 2.0001 (exclusive)``. Sources:
https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference (ranges, defaults, support),
https://cloud.google.com/vertex-ai/generative-ai/docs/learn/models (windows),
https://cloud.google.com/vertex-ai/generative-ai/docs/thinking (budgets),
https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/image-understanding and its neighbours (media) and
https://ai.google.dev/gemini-api/docs/media-resolution (tokens by resolution).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from geminid.attachment import Counting, Kind, MediaLimits, Resolution
from geminid.judgement import Threshold


@dataclass(frozen=True, slots=True)
class Range:
    """From ``low`` inclusive to ``high`` exclusive."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value < self.high


@dataclass(frozen=True, slots=True)
class ThinkingRange:
    """The budgets that a model takes, in tokens. ``off``: also 0, for no thoughts; ``levels``: also a level."""

    budgets: Range
    off: bool = True
    levels: bool = False


_LOW, _MEDIUM, _HIGH, _ULTRA = Resolution
_EARLY = Counting(
    image={None: 258, _LOW: 64, _MEDIUM: 256},
    page={None: 258, _LOW: 64, _MEDIUM: 256},
    frame={None: 258, _LOW: 66, _MEDIUM: 256},
)
_TILED = replace(_EARLY, tiled=True)
_STEPS = Counting(
    image={None: 1120, _LOW: 280, _MEDIUM: 560, _ULTRA: 2240},
    page={None: 560, _LOW: 280, _HIGH: 1120},
    frame={None: 70, _HIGH: 280},
)
_MEDIA = MediaLimits(_EARLY)
_TEXT_ALONE = replace(_MEDIA, kinds=frozenset({Kind.TEXT}))
_VISION = replace(
    _MEDIA, kinds=frozenset({Kind.TEXT, Kind.IMAGE, Kind.VIDEO, Kind.DOCUMENT}), images=16, inline_images=1,
    videos=1, video_seconds=120.0, pages=16, file_bytes=20 * 1024**2,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """What a model id accepts. Token counts are tokens; a ``None`` range means: the service refuses the field."""

    title: str
    input_tokens: int
    max_output_tokens: int
    temperature: Range = Range(0, 2.0001)
    default_temperature: float = 1.0
    default_top_p: float = 0.95
    top_k: Range = Range(1, 41)
    default_top_k: int | None = 40
    stop_sequences: int = 5
    penalties: Range | None = Range(-2, 2)
    candidates: int = 8
    system_instruction: bool = True
    alternates: bool = False
    """Turns must alternate between user and model."""
    json_mode: bool = True
    """``responseMimeType`` may be other than text, and schemas hold."""
    function_calling: bool = True
    tools_with_json: bool = False
    """JSON may be asked for besides function calls."""
    empty_text: bool = False
    """A part of the user's may be an empty text, which says nothing; earlier models refuse it."""
    alphabetical: bool = False
    """Properties without an order of their own come in that of the alphabet, later models' as declared."""
    logprobs: bool = True
    thinking: ThinkingRange | None = None
    media: MediaLimits = _MEDIA
    safety: Threshold = Threshold.OFF
    """From which level on each category is blocked where a request does not say."""
    traffic_type: bool = False
    """The answer's usageMetadata says ``trafficType`` and gives counts by modality."""
    caches: bool = True
    """It may be named by a cache."""
    implicit_cache: int | None = None
    """From how many tokens on it is told that a prompt began like an earlier one; None: never. The figure is of
    https://cloud.google.com/vertex-ai/generative-ai/docs/context-cache/context-cache-overview"""


@dataclass(frozen=True, slots=True)
class Model:
    """One id of the catalogue. ``id`` is what was asked for, ``stable`` the version that answers for it."""

    id: str
    stable: str
    profile: Profile

    @property
    def version(self) -> str:
        """``002`` of ``gemini-1.5-flash-002``; ``default`` where the id has none."""
        tail = self.stable.rpartition("-")[2]
        return tail if len(tail) == 3 and tail.isdigit() else "default"


_FLASH_15 = Profile("Gemini 1.5 Flash", 1_048_576, 8_192, alphabetical=True)
_PRO_15 = Profile("Gemini 1.5 Pro", 2_097_152, 8_192, alphabetical=True)
_PRO_10 = Profile(
    "Gemini 1.0 Pro", 32_760, 8_192, default_top_p=1.0, default_top_k=None, penalties=None, candidates=1,
    alternates=True, json_mode=False, alphabetical=True, media=_TEXT_ALONE,
    safety=Threshold.BLOCK_MEDIUM_AND_ABOVE, caches=False,
)  # fmt: skip
_PRO_10_001 = replace(_PRO_10, temperature=Range(0, 1.0001), default_temperature=0.9, system_instruction=False)
_VISION_10 = replace(
    _PRO_10_001, title="Gemini 1.0 Pro Vision", input_tokens=16_384, max_output_tokens=4_096,
    default_temperature=0.4, default_top_k=32, function_calling=False, media=_VISION,
)  # fmt: skip
_FLASH_20 = Profile("Gemini 2.0 Flash", 1_048_576, 8_192, traffic_type=True, media=MediaLimits(_TILED))
_LITE_20 = replace(_FLASH_20, title="Gemini 2.0 Flash-Lite")
_FLASH_25 = Profile(
    "Gemini 2.5 Flash", 1_048_576, 65_536, top_k=Range(1, 65), default_top_k=64, stop_sequences=16,
    traffic_type=True, empty_text=True, thinking=ThinkingRange(Range(1, 24_577)), media=MediaLimits(_TILED),
    implicit_cache=2048,
)  # fmt: skip
_LITE_25 = replace(_FLASH_25, title="Gemini 2.5 Flash-Lite", thinking=ThinkingRange(Range(512, 24_577)))
_PRO_25 = replace(_FLASH_25, title="Gemini 2.5 Pro", thinking=ThinkingRange(Range(128, 32_769), off=False))
_FLASH_3 = replace(
    _FLASH_25, title="Gemini 3 Flash", candidates=1, penalties=None, tools_with_json=True,
    media=MediaLimits(_STEPS), thinking=ThinkingRange(Range(1, 24_577), levels=True),
)  # fmt: skip
_LITE_3 = replace(_FLASH_3, title="Gemini 3 Flash-Lite")
_PRO_3 = replace(
    _FLASH_3, title="Gemini 3 Pro", thinking=ThinkingRange(Range(128, 32_769), off=False, levels=True)
)

_STABLE: dict[str, Profile] = {
    "gemini-1.0-pro-001": _PRO_10_001,
    "gemini-1.0-pro-002": _PRO_10,
    "gemini-1.0-pro-vision-001": _VISION_10,
    "gemini-1.5-flash-001": replace(_FLASH_15, safety=Threshold.BLOCK_MEDIUM_AND_ABOVE),
    "gemini-1.5-flash-002": _FLASH_15,
    "gemini-1.5-flash-8b-001": replace(_FLASH_15, title="Gemini 1.5 Flash-8B", logprobs=False),
    "gemini-1.5-pro-001": replace(_PRO_15, safety=Threshold.BLOCK_MEDIUM_AND_ABOVE),
    "gemini-1.5-pro-002": _PRO_15,
    "gemini-2.0-flash-001": _FLASH_20,
    "gemini-2.0-flash-lite-001": _LITE_20,
    "gemini-2.5-flash": _FLASH_25,
    "gemini-2.5-flash-lite": _LITE_25,
    "gemini-2.5-pro": _PRO_25,
    "gemini-3-flash-preview": _FLASH_3,
    "gemini-3-pro-preview": _PRO_3,
    "gemini-3.1-flash-lite-preview": _LITE_3,
    "gemini-3.1-pro-preview": replace(_PRO_3, title="Gemini 3.1 Pro"),
    "gemini-3.5-flash": replace(_FLASH_3, title="Gemini 3.5 Flash", logprobs=False),
    "gemini-3.5-flash-lite": replace(_LITE_3, title="Gemini 3.5 Flash-Lite", logprobs=False),
    "gemini-3.5-pro": replace(_PRO_3, title="Gemini 3.5 Pro"),
    "gemini-3.8-flash": replace(_FLASH_3, title="Gemini 3.8 Flash"),
}

# An id without a version is the stable version of its family, which Google moves by itself
# (https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions).
_ALIASES = {
    "gemini-pro": "gemini-1.0-pro-002",
    "gemini-pro-vision": "gemini-1.0-pro-vision-001",
    "gemini-1.0-pro": "gemini-1.0-pro-002",
    "gemini-1.0-pro-vision": "gemini-1.0-pro-vision-001",
    "gemini-1.5-flash": "gemini-1.5-flash-002",
    "gemini-1.5-flash-latest": "gemini-1.5-flash-002",
    "gemini-1.5-flash-8b": "gemini-1.5-flash-8b-001",
    "gemini-1.5-pro": "gemini-1.5-pro-002",
    "gemini-1.5-pro-latest": "gemini-1.5-pro-002",
    "gemini-1.5-pro-preview-0409": "gemini-1.5-pro-001",
    "gemini-2.0-flash": "gemini-2.0-flash-001",
    "gemini-2.0-flash-lite": "gemini-2.0-flash-lite-001",
    "gemini-3.1-flash-lite": "gemini-3.1-flash-lite-preview",
    "gemini-flash-latest": "gemini-3.5-flash",
    "gemini-flash-lite-latest": "gemini-3.5-flash-lite",
    "gemini-pro-latest": "gemini-3.5-pro",
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All ids that are answered. ``added`` are the operator's own, each like an id that is known."""

    added: Mapping[str, str] = field(default_factory=dict)

    def find(self, model_id: str) -> Model | None:
        """The model of a bare id (``gemini-1.5-flash``), or None: the services answer that with NOT_FOUND."""
        stable = self.added.get(model_id) or _ALIASES.get(model_id, model_id)
        stable = _ALIASES.get(stable, stable)
        profile = _STABLE.get(stable)
        if profile is None:
            return None
        return Model(model_id, model_id if model_id in self.added else stable, profile)

    def __iter__(self) -> Iterator[Model]:
        """Every id: the operator's first, then families in order, each family's alias before its versions."""
        for model_id in [*self.added, *sorted(_ALIASES.keys() | _STABLE.keys())]:
            model = self.find(model_id)
            if model is not None:
                yield model
