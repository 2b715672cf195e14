"""GenerateContentRequest -> Generation: roles, turns, parts and ranges, refused in Google's words.

The texts are those of https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference as the
service prints them. Pure; called by the services with the profile of the model that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from geminid.errors import InvalidArgument
from geminid.gemini import support
from geminid.gemini.profiles import Profile, Range
from geminid.generation import Generation, Role, Sampling, Text, Turn
from geminid.wire.content import Content
from geminid.wire.generation import GenerateContentRequest, GenerationConfig

_LEARN_MORE = "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
_LONGEST_STOP_SEQUENCE = 1024


def to_generation(request: GenerateContentRequest, profile: Profile) -> Generation:
    """The checked request in the engines' vocabulary. Raises InvalidArgument or Unimplemented."""
    if not request.contents:
        raise _unable("at least one contents field is required")
    sampling = _sampling(request.generation_config or GenerationConfig(), profile)
    support.check(request)
    return Generation(
        turns=_turns(request.contents, profile),
        system=_system(request.system_instruction, profile),
        sampling=sampling,
        candidates=(request.generation_config.candidate_count or 1) if request.generation_config else 1,
    )


def check_streamable(generation: Generation) -> None:
    """Raises InvalidArgument for several candidates, which Google gives without streaming only."""
    if generation.candidates > 1:
        raise _unable(
            f"it has a candidateCount value of {generation.candidates}, which streamGenerateContent does not "
            "support. Set it to 1 or use generateContent"
        )


def _unable(reason: str) -> InvalidArgument:
    return InvalidArgument(f"Unable to submit request because {reason}. Learn more: {_LEARN_MORE}")


def _turns(contents: list[Content], profile: Profile) -> tuple[Turn, ...]:
    roles = [_role(content.role, single=len(contents) == 1) for content in contents]
    if len(roles) == 1 and roles[0] == "model":
        raise InvalidArgument(
            "Please ensure that single turn requests end with a user role or the role field is empty."
        )
    if profile.alternates and any(role == following for role, following in pairwise(roles)):
        raise InvalidArgument("Please ensure that multiturn requests alternate between user and model.")
    if roles[-1] == "model":
        raise InvalidArgument(
            "Please ensure that multiturn requests ends with a user role or a function response."
        )
    turns = [Turn(role, _texts(content, role)) for role, content in zip(roles, contents, strict=True)]
    return tuple(_merge(turns))


def _role(role: str, *, single: bool) -> Role:
    """Roles compare without case: Google's own C# sample sends ``USER``."""
    match role.lower():
        case "user":
            return "user"
        case "model":
            return "model"
        case "" if single:
            return "user"
    raise _unable("Please use a valid role: user, model.")


def _texts(content: Content, role: Role) -> tuple[Text, ...]:
    if not content.parts:
        raise _unable("it must include at least one parts field, which describes the prompt input")
    texts = []
    for part in content.parts:
        if part.text is None:
            raise _unable("it must have a text parameter. Add a text parameter and try again")
        if part.text:
            texts.append(Text(part.text))
        elif role == "user":
            raise _unable("it has an empty text parameter. Add a value to the parameter and try again")
    return tuple(texts)


def _merge(turns: list[Turn]) -> Iterator[Turn]:
    """Joins neighbours of one role, since chat templates want alternation.

    The chunks of a streamed answer come back as one ``model`` content each (google-genai's chat keeps its
    history so), so a model turn is one text, put together without a seam.
    """
    pending: Turn | None = None
    for turn in turns:
        if pending and pending.role == turn.role:
            pending = Turn(turn.role, pending.pieces + turn.pieces)
            continue
        if pending:
            yield _seamless(pending)
        pending = turn
    if pending:
        yield _seamless(pending)


def _seamless(turn: Turn) -> Turn:
    if turn.role == "user":
        return turn
    return Turn("model", (Text("".join(piece.text for piece in turn.pieces)),))


def _system(content: Content | None, profile: Profile) -> tuple[Text, ...]:
    """The role is ignored; each part is a paragraph; a content without text counts as absent."""
    if content is None or not content.parts:
        return ()
    if not profile.system_instruction:
        raise InvalidArgument("The input system_instruction is not supported.")
    if any(part.text is None for part in content.parts):
        raise _unable("it must have a text parameter. Add a text parameter and try again")
    return tuple(Text(part.text) for part in content.parts if part.text)


def _sampling(config: GenerationConfig, profile: Profile) -> Sampling:
    _check_range("temperature", config.temperature, profile.temperature)
    _check_range("topP", config.top_p, Range(0, 1.0001))
    _check_range("topK", config.top_k, profile.top_k)
    _check_range("maxOutputTokens", config.max_output_tokens, Range(1, profile.max_output_tokens + 1))
    _check_stop_sequences(config.stop_sequences, profile)
    _check_candidates(config.candidate_count, profile)
    for name, value in (
        ("presencePenalty", config.presence_penalty),
        ("frequencyPenalty", config.frequency_penalty),
    ):
        if value and profile.penalties is None:
            raise InvalidArgument("Penalty is not enabled for this model")
        _check_range(name, value, profile.penalties or Range(-2, 2))
    temperature = config.temperature
    top_k = config.top_k if config.top_k is not None else profile.default_top_k
    return Sampling(
        temperature=profile.default_temperature if temperature is None else temperature,
        top_p=profile.default_top_p if config.top_p is None else config.top_p,
        top_k=None if top_k is None else int(top_k),
        max_output_tokens=config.max_output_tokens or profile.max_output_tokens,
        stop_sequences=tuple(config.stop_sequences),
        presence_penalty=config.presence_penalty,
        frequency_penalty=config.frequency_penalty,
        seed=config.seed,
    )


def _check_range(name: str, value: float | None, allowed: Range) -> None:
    if value is not None and value not in allowed:
        low, high = _number(allowed.low), _number(allowed.high)
        raise InvalidArgument(
            f"Unable to submit request because it has a {name} value of {_number(value)} but the supported "
            f"range is from {low} (inclusive) to {high} (exclusive). Update the value and try again."
        )


def _number(value: float) -> str:
    """Without a fraction where there is none: 2.5, 1000000."""
    return str(int(value)) if value == int(value) else str(value)


def _check_stop_sequences(sequences: list[str], profile: Profile) -> None:
    if sequences:
        _check_range("stopSequences", len(sequences), Range(1, profile.stop_sequences + 1))
    if "" in sequences:
        _check_range("stopSequences", 0, Range(1, profile.stop_sequences + 1))
    if any(len(sequence) > _LONGEST_STOP_SEQUENCE for sequence in sequences):
        raise _unable(f"a stop sequence is longer than {_LONGEST_STOP_SEQUENCE} characters")


def _check_candidates(count: int | None, profile: Profile) -> None:
    if count is not None and count > 1 and profile.candidates == 1:
        raise InvalidArgument("Multiple candidates is not enabled for this model")
    _check_range("candidateCount", count, Range(1, profile.candidates + 1))
