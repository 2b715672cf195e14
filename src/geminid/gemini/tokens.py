"""What a request to count tokens counts. Pure; called by ``service/tokens.py``.

The texts are those that a generation with the same contents puts before the model, so that the count is its
``usageMetadata.promptTokenCount``. Roles are not judged here: clients also count half a conversation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from geminid.attachment import Kind
from geminid.gemini import support
from geminid.gemini.attachments import has_media, resolution_of
from geminid.gemini.constraint import constraint_of
from geminid.gemini.tools import functions_of
from geminid.gemini.turns import system_to_count, turn_to_count, turns_to_count
from geminid.gemini.wording import unable
from geminid.generation import Calling, Generation, Tools
from geminid.wire import developer_count
from geminid.wire.content import Content
from geminid.wire.generation import GenerateContentRequest, GenerationConfig, Modality, ModalityTokenCount
from geminid.wire.tokens import ComputeTokensRequest, CountTokensRequest, CountTokensResponse

_MODALITIES = {kind: Modality[kind.name] for kind in Kind}


def whole_prompt(request: developer_count.CountTokensRequest) -> GenerateContentRequest:
    """What the Developer API is asked to count: the request that it is given, otherwise one of its fields."""
    if request.generate_content_request is not None:
        return msgspec.structs.replace(request.generate_content_request, model=request.model)
    return GenerateContentRequest(
        model=request.model,
        contents=request.contents,
        system_instruction=request.system_instruction,
        tools=request.tools,
        generation_config=request.generation_config,
    )


def to_be_counted(request: GenerateContentRequest) -> CountTokensRequest:
    """The same as Vertex AI is asked."""
    return CountTokensRequest(
        model=request.model,
        contents=request.contents,
        system_instruction=request.system_instruction,
        tools=request.tools,
        generation_config=request.generation_config,
    )


def to_count(request: CountTokensRequest, *, alphabetical: bool = False) -> Generation:
    """The prompt that is counted. Raises InvalidArgument or Unimplemented.

    ``alphabetical`` is the profile's word on the order of properties.
    """
    _check_form(request)
    config = _of_prompt(request.generation_config or GenerationConfig())
    support.check(
        GenerateContentRequest(
            contents=request.contents,
            system_instruction=request.system_instruction,
            tools=request.tools,
            generation_config=config,
        )
    )
    functions = functions_of(request.tools, alphabetical=alphabetical)
    return Generation(
        turns=turns_to_count(request.contents, resolution_of(config)),
        system=system_to_count(request.system_instruction),
        constraint=constraint_of(config, alphabetical=alphabetical),
        tools=Tools(functions, Calling.AUTO, frozenset()) if functions else None,
    )


def computed_texts(request: ComputeTokensRequest) -> list[tuple[str, str]]:
    """The texts of the parts, each with the role of its content. Raises InvalidArgument or Unimplemented."""
    _check_form(request)
    support.check(GenerateContentRequest(contents=request.contents))
    _check_texts(request.contents)
    return [
        (content.role, text)
        for index, content in enumerate(request.contents)
        for text in Generation(turns=(turn_to_count(index, content),)).texts()
    ]


def count_response(prompt: Generation, tokens: int) -> CountTokensResponse:
    """The answer. The texts of the prompt are ``tokens``; billed are their code points that are no white space."""
    media = prompt.media_tokens()
    counts = {**media, Kind.TEXT: tokens} if tokens else media
    return CountTokensResponse(
        total_tokens=sum(counts.values()),
        total_billable_characters=sum(len("".join(text.split())) for text in prompt.texts()),
        prompt_tokens_details=modality_counts(counts),
    )


def modality_counts(counts: Mapping[Kind, int]) -> list[ModalityTokenCount]:
    """As messages have them; without those that are 0."""
    return [
        ModalityTokenCount(modality=_MODALITIES[kind], token_count=count)
        for kind, count in counts.items()
        if count
    ]


def _check_texts(contents: Sequence[Content]) -> None:
    """Media has no tokens that could be told."""
    paths = [
        f"contents[{outer}].parts[{inner}]"
        for outer, content in enumerate(contents)
        for inner, part in enumerate(content.parts)
        if has_media(part)
    ]
    if paths:
        raise support.refusal(*paths)


def _check_form(request: CountTokensRequest | ComputeTokensRequest) -> None:
    """``instances`` was the form of PaLM."""
    if request.instances:
        raise support.refusal("instances")
    if not request.contents:
        raise unable("at least one contents field is required")


def _of_prompt(config: GenerationConfig) -> GenerationConfig:
    """Of the configuration only a schema counts as input, and how finely media is looked at."""
    return GenerationConfig(
        response_mime_type=config.response_mime_type,
        response_schema=config.response_schema,
        response_json_schema=config.response_json_schema,
        media_resolution=config.media_resolution,
    )
