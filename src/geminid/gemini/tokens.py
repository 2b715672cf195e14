"""What a request to count tokens counts. Pure; called by ``service/tokens.py``.

The texts are those that a generation with the same contents puts before the model, so that the count is its
``usageMetadata.promptTokenCount``. Roles are not judged here: clients also count half a conversation.
"""

from __future__ import annotations

from geminid.gemini import support
from geminid.gemini.constraint import constraint_of
from geminid.gemini.tools import functions_of
from geminid.gemini.turns import system_to_count, turn_to_count, turns_to_count
from geminid.gemini.wording import unable
from geminid.generation import Calling, Generation, Tools
from geminid.wire.generation import GenerateContentRequest, GenerationConfig, Modality, ModalityTokenCount
from geminid.wire.tokens import ComputeTokensRequest, CountTokensRequest, CountTokensResponse


def counted_texts(request: CountTokensRequest, *, alphabetical: bool = False) -> list[str]:
    """The texts of the prompt in order, none of them empty. Raises InvalidArgument or Unimplemented.

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
    generation = Generation(
        turns=turns_to_count(request.contents),
        system=system_to_count(request.system_instruction),
        constraint=constraint_of(config, alphabetical=alphabetical),
        tools=Tools(functions, Calling.AUTO, frozenset()) if functions else None,
    )
    return [text for text in generation.texts() if text]


def computed_texts(request: ComputeTokensRequest) -> list[tuple[str, str]]:
    """The texts of the parts, each with the role of its content. Raises InvalidArgument or Unimplemented."""
    _check_form(request)
    support.check(GenerateContentRequest(contents=request.contents))
    return [
        (content.role, text)
        for content in request.contents
        for text in Generation(turns=(turn_to_count(content),)).texts()
    ]


def count_response(texts: list[str], tokens: int) -> CountTokensResponse:
    """The answer. What is billed are the code points that are no white space."""
    return CountTokensResponse(
        total_tokens=tokens,
        total_billable_characters=sum(len("".join(text.split())) for text in texts),
        prompt_tokens_details=[ModalityTokenCount(modality=Modality.TEXT, token_count=tokens)] if tokens else [],
    )


def _check_form(request: CountTokensRequest | ComputeTokensRequest) -> None:
    """``instances`` was the form of PaLM."""
    if request.instances:
        raise support.refusal("instances")
    if not request.contents:
        raise unable("at least one contents field is required")


def _of_prompt(config: GenerationConfig) -> GenerationConfig:
    """Of the configuration only a schema counts as input."""
    return GenerationConfig(
        response_mime_type=config.response_mime_type,
        response_schema=config.response_schema,
        response_json_schema=config.response_json_schema,
    )
