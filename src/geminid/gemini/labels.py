"""The labels of a request: what its call is to be counted under.

Pure. Called by the service, which refuses them, and by ``gates/metering.py``, which records them.

The rules are those of
https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls. What counts as an
international character is told by the expressions that other services document, ``[\\p{Ll}\\p{Lo}]`` to begin with
and ``[\\p{Ll}\\p{Lo}\\p{N}_-]`` after that
(https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from geminid.errors import FieldViolation, InvalidArgument
from geminid.gemini.wording import unable
from geminid.wire.generation import GenerateContentRequest

MOST: Final = 64
LONGEST: Final = 63
"""Characters of a key, and of a value."""

_PLAIN_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_PLAIN_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_LETTERS = frozenset({"Ll", "Lo"})
_CHARACTERS = _LETTERS | {"Nd", "Nl", "No"}
_MARKS = frozenset("_-")

_CONTAIN = "can only contain lowercase letters, numeric characters, underscores and dashes."
_LONG = "can be at most 63 characters long. International characters are allowed."
_KEY = f"The key must start with a lowercase character, {_CONTAIN} The key {_LONG}"
_VALUE = f"The value {_CONTAIN} The value {_LONG}"


def labels_of(request: GenerateContentRequest) -> Mapping[str, str]:
    """Raises InvalidArgument in the words that Google's services have for labels, naming every one at fault."""
    labels = request.labels
    if len(labels) > MOST:
        raise unable(
            f"it has a labels value of {len(labels)} but the supported range is from 0 (inclusive) to {MOST + 1} "
            "(exclusive). Update the value and try again",
            path="labels",
        )
    if violations := list(_violations(labels)):
        raise InvalidArgument.of(violations)
    return labels


def _violations(labels: Mapping[str, str]) -> Iterator[FieldViolation]:
    """Paths are those of Google's front end, to which a map is a list of entries."""
    for index, (key, value) in enumerate(labels.items()):
        if not _is_key(key):
            text = f"Label key '{_shown(key)}' violates format constraints. {_KEY}"
            yield FieldViolation(f"labels[{index}].key", text)
        if not _is_value(value):
            text = f"Label value '{_shown(value)}' violates format constraints. {_VALUE}"
            yield FieldViolation(f"labels[{index}].value", text)


def _is_key(key: str) -> bool:
    if _PLAIN_KEY.fullmatch(key):
        return True
    return bool(key) and _is_value(key) and unicodedata.category(key[0]) in _LETTERS


def _is_value(value: str) -> bool:
    if _PLAIN_VALUE.fullmatch(value):
        return True
    return len(value) <= LONGEST and all(
        one in _MARKS or unicodedata.category(one) in _CHARACTERS for one in value
    )


def _shown(text: str) -> str:
    """As much of it as a label may have, so that no answer grows with what was sent."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
