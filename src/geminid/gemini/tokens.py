"""What a request to count tokens counts. Pure; called by ``service/tokens.py``.

The texts are those that a generation with the same contents puts before the model, so that the count is its
``usageMetadata.promptTokenCount``. Roles are not judged here: clients also count half a conversation.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from geminid.errors import InvalidArgument
from geminid.gemini import support
from geminid.wire.content import Content
from geminid.wire.generation import GenerateContentRequest, GenerationConfig, Modality, ModalityTokenCount
from geminid.wire.tokens import ComputeTokensRequest, CountTokensRequest, CountTokensResponse

_NO_CONTENTS = (
    "Unable to submit request because at least one contents field is required. Learn more: "
    "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
)


def counted_texts(request: CountTokensRequest) -> list[str]:
    """The texts of the prompt in order, none of them empty. Raises InvalidArgument or Unimplemented."""
    _check_form(request)
    config = request.generation_config or GenerationConfig()
    support.check(
        GenerateContentRequest(
            contents=request.contents,
            system_instruction=request.system_instruction,
            tools=request.tools,
            # Of the configuration only a schema counts as input.
            generation_config=GenerationConfig(
                response_schema=config.response_schema, response_json_schema=config.response_json_schema
            ),
        )
    )
    system = [request.system_instruction] if request.system_instruction else []
    paragraphs = [text for content in system for text in _texts(content)]
    return [text for text in [*paragraphs, *_turns(request.contents)] if text]


def computed_texts(request: ComputeTokensRequest) -> list[tuple[str, list[str]]]:
    """The role and the texts of each content. Raises InvalidArgument or Unimplemented."""
    _check_form(request)
    support.check(GenerateContentRequest(contents=request.contents))
    return [(content.role, _texts(content)) for content in request.contents]


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
        raise InvalidArgument(_NO_CONTENTS)


def _texts(content: Content) -> list[str]:
    return [part.text for part in content.parts if part.text]


def _turns(contents: list[Content]) -> Iterator[str]:
    """A model turn is one text, since the chunks of a streamed answer come back as one content each."""
    for role, run in groupby(contents, key=lambda content: content.role.lower()):
        texts = [text for content in run for text in _texts(content)]
        yield from ["".join(texts)] if role == "model" else texts
