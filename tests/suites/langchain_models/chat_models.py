"""LangChain's standard tests of a chat model, for its three ways to Gemini. A suite of ``make suites``.

Not collected by ``make test``. It runs in the suite's own environment.
"""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_google_vertexai import ChatVertexAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

PARAMETERS = {"model": "gemini-2.5-flash", "max_retries": 1}


class ChatTests(ChatModelIntegrationTests):
    """What all three can do."""

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True


class TestDeveloperApi(ChatTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGoogleGenerativeAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS


class TestVertexRest(ChatTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatVertexAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS | {"api_transport": "rest"}


class TestVertexGrpc(ChatTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatVertexAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS | {"api_transport": "grpc"}
