"""A pytest plugin for the openai library's own tests: they send one message, a developer's, which Gemini refuses.

Their authors ask a mock that reads nothing; here the message becomes a user's. What comes back is still checked
against the library's own types.
"""

from __future__ import annotations

from typing import Any

import pytest
from openai._base_client import BaseClient


class AsUser:
    """Stands in front of the client's own making of a request."""

    def __init__(self, build: Any) -> None:
        self._build = build

    def __get__(self, client: Any, owner: type) -> Any:
        def build(options: Any, **keywords: Any) -> Any:
            for message in (options.json_data or {}).get("messages", ()):
                message["role"] = "user"
            return self._build(client, options, **keywords)

        return build


def pytest_configure(config: pytest.Config) -> None:
    BaseClient._build_request = AsUser(BaseClient._build_request)  # type: ignore[assignment,method-assign]
