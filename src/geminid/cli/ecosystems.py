"""What each client library needs in order to reach a running geminid, and what variables cannot do. Pure.

Here a library is told geminid's own address. ``cli/proxied.py`` is for programs that keep calling Google's.
Called by ``geminid env``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from geminid.settings import SettingsError

PROJECT: Final = "local-project"
LOCATION: Final = "us-central1"
"""What the documentation's samples use."""

TOKEN: Final = "local"
"""What stands for a key or token where a client demands one: a server in the open mode believes any."""

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?")


class Client(StrEnum):
    """Who is to be told: a language's own libraries, or one library or program."""

    PYTHON = "python"
    GENAI = "genai"
    NODE = "node"
    JAVA = "java"
    GO = "go"
    DOTNET = "dotnet"
    OPENAI = "openai"
    CURL = "curl"
    GEMINI_CLI = "gemini-cli"


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a geminid listens, and how its clients are to trust it.

    ``ca`` is its own authority, ``bundle`` that and the system's, ``trust_store`` the former for Java.
    """

    host: str
    http_port: int
    grpc_port: int
    tls_port: int
    ca: Path
    bundle: Path
    trust_store: Path
    project: str
    location: str

    @property
    def url(self) -> str:
        return f"http://{self.authority(self.http_port)}"

    @property
    def tls(self) -> str:
        """By the name that is in every certificate of geminid's, where that leads to it."""
        host = "localhost" if self.host == "127.0.0.1" else self.host
        return f"{host}:{self.tls_port}"

    def authority(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """``notes`` are lines for a reader; those that are indented are code, as it has to stand."""

    title: str
    variables: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())


def of(client: Client, reach: Reach) -> Ecosystem:
    """What ``client`` needs for the server at ``reach``."""
    return _TABLE[client](reach)


def merged(reach: Reach) -> dict[Client, Ecosystem]:
    """All of them. They may be used together: none gives a variable another value than the others."""
    return {client: of(client, reach) for client in Client}


def checked_name(text: str) -> str:
    """A project or location, which goes into paths, addresses and scripts. Raises SettingsError."""
    if _NAME.fullmatch(text) is None:
        raise SettingsError(f"{text!r} is not a name: give letters, digits, dots and hyphens.")
    return text


def _place(reach: Reach) -> dict[str, str]:
    return {"GOOGLE_CLOUD_PROJECT": reach.project, "GOOGLE_CLOUD_LOCATION": reach.location}


def _metadata(reach: Reach) -> dict[str, str]:
    """Default credentials, from the server's own metadata endpoint. Python pings the second name."""
    where = reach.authority(reach.http_port)
    return {"GCE_METADATA_HOST": where, "GCE_METADATA_IP": where}


def _python(reach: Reach) -> Ecosystem:
    trust = {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(reach.bundle), "REQUESTS_CA_BUNDLE": str(reach.bundle)}
    return Ecosystem(
        "Python: vertexai (google-cloud-aiplatform)",
        _place(reach) | _metadata(reach) | trust,
        (
            "No variable gives vertexai another address. Over gRPC, which is always TLS:",
            f'    vertexai.init(api_endpoint="{reach.tls}", api_transport="grpc")',
            "or over HTTP:",
            f'    vertexai.init(api_endpoint="{reach.url}", api_transport="rest")',
            "Unchanged code runs under `geminid run`.",
        ),
    )


def _genai(reach: Reach) -> Ecosystem:
    variables = {
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_GEMINI_BASE_URL": f"{reach.url}/#.googleapis.com",
        "GOOGLE_VERTEX_BASE_URL": reach.url,
    }
    return Ecosystem(
        "Python: google-genai",
        _place(reach) | _metadata(reach) | variables,
        (
            "GOOGLE_GEMINI_BASE_URL ends in #.googleapis.com because the library drops project and location",
            "for other hosts. What follows # is never sent.",
            "An API key in the environment would take the place of the project:",
            "    unset GOOGLE_API_KEY GEMINI_API_KEY",
        ),
    )


def _node(reach: Reach) -> Ecosystem:
    variables = {
        "NODE_EXTRA_CA_CERTS": str(reach.ca),
        "METADATA_SERVER_DETECTION": "assume-present",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_VERTEX_BASE_URL": reach.url,
    }
    return Ecosystem(
        "Node: @google/genai, @google-cloud/vertexai",
        _place(reach) | _metadata(reach) | variables,
        (
            "@google/genai needs no more. @google-cloud/vertexai reads no address from variables:",
            f"    new VertexAI({{project, location, apiEndpoint: '{reach.tls}'}})",
            "Its chat sessions ignore apiEndpoint. Those, and unchanged code, run under `geminid run`.",
        ),
    )


def _java(reach: Reach) -> Ecosystem:
    options = f'-Djavax.net.ssl.trustStore="{reach.trust_store}" -Djavax.net.ssl.trustStorePassword=changeit'
    return Ecosystem(
        "Java: google-cloud-vertexai",
        _place(reach) | _metadata(reach) | {"JAVA_TOOL_OPTIONS": options},
        (
            "VertexAI.Builder.setApiEndpoint adds :443 to what it is given. Give the client itself:",
            "    new VertexAI.Builder().setProjectId(project).setLocation(location)",
            "        .setPredictionClientSupplier(() -> PredictionServiceClient.create(",
            f'            PredictionServiceSettings.newBuilder().setEndpoint("{reach.tls}").build()))',
            "The trust store holds geminid's authority alone. Unchanged code runs under `geminid run`.",
        ),
    )


def _go(reach: Reach) -> Ecosystem:
    return Ecosystem(
        "Go: cloud.google.com/go/vertexai/genai",
        _place(reach) | _metadata(reach) | {"SSL_CERT_FILE": str(reach.bundle)},
        (
            "The address is an option of the client:",
            f'    genai.NewClient(ctx, project, location, option.WithEndpoint("{reach.tls}"))',
            "Unchanged code runs under `geminid run`.",
        ),
    )


def _dotnet(reach: Reach) -> Ecosystem:
    return Ecosystem(
        ".NET: Google.Cloud.AIPlatform.V1",
        _place(reach) | _metadata(reach) | {"SSL_CERT_FILE": str(reach.bundle)},
        (
            "The address is a property of the builder:",
            f'    new PredictionServiceClientBuilder {{ Endpoint = "{reach.tls}" }}.Build()',
            "or without TLS, and then without credentials:",
            "    new PredictionServiceClientBuilder {",
            f'        Endpoint = "{reach.authority(reach.grpc_port)}",',
            "        ChannelCredentials = ChannelCredentials.Insecure }.Build()",
            "SSL_CERT_FILE is read on Linux; elsewhere add the authority to the system's store.",
        ),
    )


def _openai(reach: Reach) -> Ecosystem:
    path = f"v1beta1/projects/{reach.project}/locations/{reach.location}/endpoints/openapi"
    return Ecosystem(
        "OpenAI libraries",
        {"OPENAI_BASE_URL": f"{reach.url}/{path}", "OPENAI_API_KEY": TOKEN},
        ("Models are called google/MODEL_ID. A base_url in the code overrides the variable.",),
    )


def _curl(reach: Reach) -> Ecosystem:
    path = f"v1/projects/{reach.project}/locations/{reach.location}/publishers/google/models"
    return Ecosystem(
        "curl",
        {"CURL_CA_BUNDLE": str(reach.bundle)},
        (
            "Plain HTTP, or https with the variable:",
            f"    curl -H 'Content-Type: application/json' -H 'Authorization: Bearer {TOKEN}'"
            ' -d \'{"contents": {"parts": {"text": "Why is the sky blue?"}}}\''
            f" {reach.url}/{path}/gemini-1.5-flash-002:generateContent",
        ),
    )


def _gemini_cli(reach: Reach) -> Ecosystem:
    variables = {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_VERTEX_BASE_URL": reach.url}
    return Ecosystem(
        "gemini-cli",
        _place(reach) | _metadata(reach) | variables,
        (
            "Its ~/.gemini/settings.json has to choose Vertex AI:",
            '    {"security": {"auth": {"selectedType": "vertex-ai"}}}',
        ),
    )


_TABLE: Final[Mapping[Client, Callable[[Reach], Ecosystem]]] = {
    Client.PYTHON: _python,
    Client.GENAI: _genai,
    Client.NODE: _node,
    Client.JAVA: _java,
    Client.GO: _go,
    Client.DOTNET: _dotnet,
    Client.OPENAI: _openai,
    Client.CURL: _curl,
    Client.GEMINI_CLI: _gemini_cli,
}
