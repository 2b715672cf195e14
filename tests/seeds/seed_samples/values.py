"""What a reader of the samples would fill in for PROJECT_ID, projectId, CAIP_PROJECT_ID and the like."""

from __future__ import annotations

import re
from collections.abc import Mapping

VALUES: Mapping[str, str] = {
    "PROJECT_ID": "sample-project",
    "PROJECT": "sample-project",
    "LOCATION": "us-central1",
    "REGION": "us-central1",
    "MODEL_ID": "gemini-1.5-flash-002",
    "MODEL_NAME": "gemini-1.5-flash-002",
    "MODEL": "gemini-1.5-flash-002",
    "TEXT": "Why is the sky blue?",
    "FILE_URI": "gs://cloud-samples-data/generative-ai/image/scones.jpg",
    "MIME_TYPE": "image/jpeg",
}


class NoValue(Exception):
    """A sample wants something filled in that nobody thought of; the message is its name."""


def value_of(name: str) -> str:
    """The value for a name in any spelling, numbered or with a prefix. Raises NoValue."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper().rstrip("0123456789")
    for known in sorted(VALUES, key=len, reverse=True):
        if plain == known or plain.endswith(f"_{known}"):
            return VALUES[known]
    raise NoValue(name)


def filled(text: str, placeholders: tuple[str, ...]) -> str:
    """``text`` with each of the placeholders replaced. Raises NoValue."""
    for name in placeholders:
        text = re.sub(rf"\b{name}\b", value_of(name), text)
    return text
