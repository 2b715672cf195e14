from __future__ import annotations

import pytest

from geminid.wire import json
from geminid.wire.content import Blob, Part, PartMediaResolution, PartMediaResolutionLevel
from geminid.wire.generation import Candidate, FinishReason, GenerationConfig
from geminid.wire.message import Bytes
from geminid.wire.output import ResponseModality


def printed(message: object) -> bytes:
    return json.encode(message, pretty=False)  # type: ignore[arg-type]


def test_two_members_of_a_oneof_are_refused() -> None:
    with pytest.raises(ValueError, match="oneof 'data'"):
        Part(text="", inline_data=Blob())


def test_an_empty_member_of_a_oneof_is_set() -> None:
    assert printed(Part(text="")) == b'{"text":""}'


def test_zero_of_an_enum_says_nothing() -> None:
    candidate = Candidate(finish_reason=FinishReason.FINISH_REASON_UNSPECIFIED)

    assert candidate.finish_reason is None


def test_zero_of_an_enum_is_kept_in_a_oneof_and_in_a_list() -> None:
    level = PartMediaResolutionLevel.MEDIA_RESOLUTION_UNSPECIFIED
    modality = ResponseModality.MODALITY_UNSPECIFIED

    assert PartMediaResolution(level=level).level is level
    assert GenerationConfig(response_modalities=[modality]).response_modalities == [modality]


def test_zeros_made_at_run_time_are_not_printed() -> None:
    assert printed(Candidate(score=float("0"), avg_logprobs=float("-0"))) == b"{}"
    assert printed(Blob(data=Bytes(b""))) == b"{}"


def test_optional_zeros_are_printed() -> None:
    assert printed(GenerationConfig(temperature=float("0"), seed=0)) == b'{"temperature":0.0,"seed":0}'
