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


class TestDeveloperApi(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGoogleGenerativeAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS


class TestVertexRest(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatVertexAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS | {"api_transport": "rest"}


class TestVertexGrpc(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatVertexAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return PARAMETERS | {"api_transport": "grpc"}
