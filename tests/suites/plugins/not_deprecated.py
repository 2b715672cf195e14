"""A pytest plugin for Vertex AI's own tests: runs those that Google skips as their models are no longer served.

It also has aiohttp look for a proxy in the environment, as httpx and requests do by themselves: google.auth.aio,
which these tests use, makes its sessions without.
"""

from __future__ import annotations

import functools

import aiohttp
import pytest


def pytest_configure() -> None:
    session = aiohttp.ClientSession
    session.__init__ = functools.partialmethod(session.__init__, trust_env=True)  # type: ignore[assignment,method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for node in {node for item in items for node in item.listchain()}:
        node.own_markers[:] = [mark for mark in node.own_markers if not _is_deprecation(mark)]


def _is_deprecation(mark: pytest.Mark) -> bool:
    return mark.name == "skip" and "deprecated" in str(mark.kwargs.get("reason", mark.args))
