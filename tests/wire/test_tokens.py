from __future__ import annotations

from geminid.wire import json
from geminid.wire.generation import Modality, ModalityTokenCount
from geminid.wire.message import Bytes, Int64
from geminid.wire.tokens import ComputeTokensResponse, CountTokensRequest, CountTokensResponse, TokensInfo


def test_counts_are_numbers() -> None:
    details = [ModalityTokenCount(modality=Modality.TEXT, token_count=4)]
    response = CountTokensResponse(total_tokens=4, total_billable_characters=14, prompt_tokens_details=details)

    assert json.encode_line(response) == (
        b'{"totalTokens": 4,"totalBillableCharacters": 14,'
        b'"promptTokensDetails": [{"modality": "TEXT","tokenCount": 4}]}'
    )


def test_token_ids_are_strings_and_tokens_base64() -> None:
    info = TokensInfo(tokens=[Bytes(b"Hi"), Bytes(b"")], token_ids=[Int64(2), Int64(0)], role="user")

    assert json.encode_line(ComputeTokensResponse(tokens_info=[info])) == (
        b'{"tokensInfo": [{"tokens": ["SGk=",""],"tokenIds": ["2","0"],"role": "user"}]}'
    )


def test_instances_are_any_json() -> None:
    request = json.decode(CountTokensRequest, b'{"instances": [{"content": "x"}, null, 5]}')

    assert request.instances == [{"content": "x"}, None, 5]
