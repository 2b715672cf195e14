from __future__ import annotations

import pytest

from geminid.wire import json
from geminid.wire.grounding import CitationMetadata, GroundingMetadata, Retrieval, UrlContextMetadata
from geminid.wire.message import Message


@pytest.mark.parametrize(
    ("cls", "body"),
    [
        (
            Retrieval,
            b'{"vertexRagStore": {"similarityTopK": 0,"ragResources": [{"ragCorpus": "c"}],'
            b'"ragRetrievalConfig": {"topK": 3,"filter": {"vectorDistanceThreshold": 0.0}}}}',
        ),
        (Retrieval, b'{"vertexAiSearch": {"datastore": "d","dataStoreSpecs": [{"dataStore": "d"}]}}'),
        (CitationMetadata, b'{"citations": [{"endIndex": 5,"license": "mit","publicationDate": {"year": 2024}}]}'),
        (UrlContextMetadata, b'{"urlMetadata": [{"urlRetrievalStatus": "URL_RETRIEVAL_STATUS_ERROR"}]}'),
        (
            GroundingMetadata,
            b'{"webSearchQueries": ["q"],"searchEntryPoint": {"sdkBlob": "AA=="},'
            b'"groundingChunks": [{"web": {"uri": "u","title": ""}},{"maps": {"route": {"duration": "60s"}}}],'
            b'"groundingSupports": [{"segment": {"endIndex": 4},"groundingChunkIndices": [0],'
            b'"confidenceScores": [0.5]}]}',
        ),
    ],
)
def test_sources_print_as_they_were_read(cls: type[Message], body: bytes) -> None:
    assert json.encode_line(json.decode(cls, body)) == body
