from __future__ import annotations

import msgspec

from geminid.elsewhere.exchanges import plain
from geminid.elsewhere.folding import fold
from geminid.wire import json
from geminid.wire.generation import GenerateContentResponse


def chunk(**fields: object) -> GenerateContentResponse:
    return json.decode(GenerateContentResponse, msgspec.json.encode(fields))


def said(*parts: dict[str, object], index: int = 0, **fields: object) -> dict[str, object]:
    return {"index": index, "content": {"role": "model", "parts": list(parts)}, **fields}


def test_chunks_come_to_one_answer() -> None:
    chunks = [
        chunk(candidates=[said({"text": "Hm", "thought": True})], responseId="r"),
        chunk(candidates=[said({"text": "A"}), said({"text": "X"}, index=1)]),
        chunk(candidates=[said({"text": "B", "thoughtSignature": "c2ln"})]),
        chunk(candidates=[said({"text": "Y"}, index=1, finishReason="MAX_TOKENS")]),
        chunk(
            candidates=[said({"text": ""}, finishReason="STOP", groundingMetadata={"webSearchQueries": ["q"]})],
            usageMetadata={"totalTokenCount": 3},
        ),
    ]

    assert plain(fold(chunks)) == {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Hm", "thought": True},
                        {"text": "A"},
                        {"text": "B", "thoughtSignature": "c2ln"},
                    ],
                },
                "finishReason": "STOP",
                "groundingMetadata": {"webSearchQueries": ["q"]},
            },
            {
                "index": 1,
                "content": {"role": "model", "parts": [{"text": "XY"}]},
                "finishReason": "MAX_TOKENS",
            },
        ],
        "usageMetadata": {"totalTokenCount": 3},
        "responseId": "r",
    }


def test_the_chunks_stay_as_they_were() -> None:
    chunks = [chunk(candidates=[said({"text": "A"})]), chunk(candidates=[said({"text": "B"})])]
    before = [plain(one) for one in chunks]

    fold(chunks)

    assert [plain(one) for one in chunks] == before
