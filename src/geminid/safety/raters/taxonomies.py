"""What guard models call harms, in Google's categories. Tables; ``guard_models.py`` reads answers by them.

A harm that is in no row is none that safety settings speak of: advice, privacy, elections, copyright, jailbreaks.
Severity is ours, since guard models tell none: how bad a text of that kind mostly is, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from geminid.judgement import Category

HATE, DANGER = Category.HATE_SPEECH, Category.DANGEROUS_CONTENT
HARASSMENT, SEXUAL = Category.HARASSMENT, Category.SEXUALLY_EXPLICIT

SEVERE: Final = 0.9
GRAVE: Final = 0.7
MILD: Final = 0.45

LLAMA_GUARD: Mapping[str, tuple[Category, float]] = {
    "S1": (DANGER, GRAVE),  # violent crimes
    "S2": (DANGER, MILD),  # non-violent crimes
    "S3": (SEXUAL, GRAVE),  # sex-related crimes
    "S4": (SEXUAL, SEVERE),  # child sexual exploitation
    "S5": (HARASSMENT, MILD),  # defamation
    "S9": (DANGER, SEVERE),  # indiscriminate weapons
    "S10": (HATE, GRAVE),
    "S11": (DANGER, GRAVE),  # suicide and self-harm
    "S12": (SEXUAL, GRAVE),  # sexual content
    "S14": (DANGER, MILD),  # code interpreter abuse
}
"""https://huggingface.co/meta-llama/Llama-Guard-3-8B and https://huggingface.co/meta-llama/Llama-Guard-4-12B."""

QWEN3_GUARD: Mapping[str, tuple[tuple[Category, ...], float]] = {
    "violent": ((DANGER,), GRAVE),
    "non-violent illegal acts": ((DANGER,), MILD),
    "sexual content or sexual acts": ((SEXUAL,), GRAVE),
    "suicide & self-harm": ((DANGER,), GRAVE),
    "unethical acts": ((HATE, HARASSMENT), GRAVE),
}
"""https://huggingface.co/Qwen/Qwen3Guard-Gen-0.6B. Insults and hatred are one kind there: neither is left out."""

GRANITE_RISKS: Mapping[str, tuple[Category, float]] = {
    "social_bias": (HATE, GRAVE),
    "violence": (DANGER, GRAVE),
    "unethical_behavior": (DANGER, MILD),
    "profanity": (HARASSMENT, MILD),
    "sexual_content": (SEXUAL, GRAVE),
}
"""The names that Granite Guardian 3 was trained on: https://huggingface.co/ibm-granite/granite-guardian-3.3-8b."""

POLICIES: Mapping[Category, str] = {
    HATE: "hatred or contempt for people because of who they are: race, ethnicity, nationality, religion, sex, "
    "gender, sexual orientation, disability, caste or a like trait",
    DANGER: "help or encouragement to harm oneself or others: weapons, explosives, drugs, violence, crime, "
    "terror, suicide or self-injury",
    HARASSMENT: "malice toward a person: insults, threats, bullying, intimidation, or mockery of victims",
    SEXUAL: "sexual acts or lewdness, other than what medicine, education or art need",
}
"""Of each category, what a text of that kind has in it: for models that are told what to look for."""
