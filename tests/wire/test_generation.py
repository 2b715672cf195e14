from __future__ import annotations

from geminid.wire import json
from geminid.wire.generation import GenerateContentResponse, GenerationConfig

ANSWER = b"""{
  "candidates": [
    {
      "index": 1,
      "content": {
        "role": "model",
        "parts": [
          {
            "text": "Okay."
          }
        ]
      },
      "finishReason": "MAX_TOKENS",
      "safetyRatings": [
        {
          "category": "HARM_CATEGORY_HARASSMENT",
          "probability": "NEGLIGIBLE",
          "blocked": true,
          "probabilityScore": 0.25,
          "severity": "HARM_SEVERITY_LOW",
          "severityScore": 0.5
        }
      ],
      "finishMessage": "",
      "citationMetadata": {
        "citations": [
          {
            "startIndex": 5,
            "endIndex": 9,
            "uri": "https://example.org",
            "publicationDate": {
              "year": 2024
            }
          }
        ]
      },
      "avgLogprobs": -0.5,
      "logprobsResult": {
        "topCandidates": [
          {
            "candidates": [
              {
                "token": "Okay",
                "logProbability": -0.25,
                "tokenId": 0
              }
            ]
          }
        ],
        "chosenCandidates": [
          {
            "token": "",
            "logProbability": 0.0
          }
        ]
      }
    }
  ],
  "promptFeedback": {
    "blockReason": "PROHIBITED_CONTENT"
  },
  "usageMetadata": {
    "promptTokenCount": 3,
    "candidatesTokenCount": 1,
    "totalTokenCount": 6,
    "cachedContentTokenCount": 2,
    "trafficType": "ON_DEMAND",
    "promptTokensDetails": [
      {
        "modality": "TEXT",
        "tokenCount": 3
      }
    ],
    "toolUsePromptTokensDetails": [
      {
        "modality": "TEXT"
      }
    ],
    "toolUsePromptTokenCount": 1,
    "thoughtsTokenCount": 2
  },
  "modelVersion": "gemini-2.0-flash",
  "createTime": "2025-05-05T21:30:47.262229Z",
  "responseId": "By4ZaNWAEPKQhMIP4KS3oAc"
}
"""


def test_an_answer_prints_in_the_order_of_field_numbers() -> None:
    assert json.encode(json.decode(GenerateContentResponse, ANSWER)) == ANSWER


def test_a_configuration_tells_unset_from_zero() -> None:
    config = json.decode(GenerationConfig, b'{"temperature": 0, "seed": 0, "responseLogprobs": false}')

    assert (config.temperature, config.seed, config.response_logprobs) == (0.0, 0, False)
    assert (config.top_p, config.max_output_tokens, config.audio_timestamp) == (None, None, None)
