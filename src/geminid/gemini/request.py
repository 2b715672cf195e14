"""GenerateContentRequest -> Generation: everything a request says, checked against the model and the engine.

What is checked where is told by the siblings that this composes; all refuse in Google's words. Pure; called by the
services with the profile of the model that was asked for and the capabilities of the engine that answers for it.
"""

from __future__ import annotations

from geminid.engines.base import Capabilities
from geminid.errors import InvalidArgument
from geminid.gemini import support
from geminid.gemini.attachments import resolution_of
from geminid.gemini.constraint import constraint_of
from geminid.gemini.labels import labels_of
from geminid.gemini.profiles import Profile
from geminid.gemini.sampling import candidates_of, sampling_of
from geminid.gemini.thinking import thinking_of
from geminid.gemini.tools import check_together, tools_of
from geminid.gemini.turns import system_of, turns_of
from geminid.gemini.wording import unable
from geminid.generation import Choices, Constraint, Generation, Prefix
from geminid.wire.generation import GenerateContentRequest, GenerationConfig

_NO_CONFIG = GenerationConfig()
_TEXT = ("", "text/plain")


def to_generation(
    request: GenerateContentRequest,
    profile: Profile,
    capabilities: Capabilities,
    tenant: str = "",
    prefix: Prefix | None = None,
) -> Generation:
    """The checked request in the engines' vocabulary. Raises InvalidArgument or Unimplemented.

    ``tenant`` and ``prefix`` are what the service knows of who asks and of what is cached.
    """
    if not request.contents:
        raise unable("at least one contents field is required")
    config = request.generation_config or _NO_CONFIG
    candidates = candidates_of(config, profile)
    sampling = sampling_of(config, profile, capabilities)
    support.check(request)
    labels_of(request)
    tools = tools_of(request, profile)
    if tools and config.response_mime_type not in _TEXT and not profile.tools_with_json:
        raise InvalidArgument(f"Tool use with a response mime type: '{config.response_mime_type}' is unsupported")
    constraint = _constraint(config, profile, capabilities)
    if tools:
        check_together(tools, constraint)
    return Generation(
        turns=turns_of(request.contents, profile, resolution_of(config)),
        system=system_of(request.system_instruction, profile),
        sampling=sampling,
        candidates=candidates,
        constraint=constraint,
        tools=tools,
        thinking=thinking_of(config.thinking_config, profile),
        tenant=tenant,
        prefix=prefix,
    )


def check_streamable(generation: Generation) -> None:
    """Raises InvalidArgument for several candidates, which Google gives without streaming only."""
    if generation.candidates > 1:
        raise unable(
            f"it has a candidateCount value of {generation.candidates}, which streamGenerateContent does not "
            "support. Set it to 1 or use generateContent"
        )


def _constraint(config: GenerationConfig, profile: Profile, capabilities: Capabilities) -> Constraint | None:
    if not profile.json_mode and config.response_mime_type not in _TEXT:
        raise InvalidArgument("Json mode is not enabled for this model")
    constraint = constraint_of(config, alphabetical=profile.alphabetical)
    if isinstance(constraint, Choices) and not capabilities.choices:
        raise support.refusal("generation_config.response_mime_type")
    return constraint
