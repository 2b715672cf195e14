"""The environment of a program whose calls to Google shall end at this server, through a proxy. Pure.

Each client library reads other variables; which one reads what is said at each. Called by ``geminid run``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from geminid.cli.kit import TRUST_STORE_PASSWORD, Kit

_LOOPBACK: Final = "localhost,127.0.0.1,::1"

_NODE_PROXY: Final = Path(__file__).with_name("node_proxy.cjs")


def environment(
    inherited: Mapping[str, str], kit: Kit, *, proxy_port: int, project: str, allow_net: bool
) -> dict[str, str]:
    """``inherited`` with what leads to the proxy. With ``allow_net`` plain HTTP stays as it was."""
    variables = dict(inherited)
    # Exceptions from the proxy would be ways around it.
    variables.pop("no_grpc_proxy", None)
    variables |= _proxy(proxy_port, plain_http=not allow_net)
    variables |= _trust(kit.ca)
    variables |= _google(kit, project)
    variables |= {
        "NODE_OPTIONS": _joined(inherited, "NODE_OPTIONS", _node_options()),
        "JAVA_TOOL_OPTIONS": _joined(inherited, "JAVA_TOOL_OPTIONS", _java_options(kit, proxy_port, allow_net)),
        "PATH": os.pathsep.join([str(kit.programs), inherited.get("PATH", os.defpath)]),
    }
    for name, value in (("GOOGLE_CLOUD_LOCATION", "us-central1"), ("OPENAI_API_KEY", kit.token)):
        variables.setdefault(name, value)
    return variables


def _proxy(port: int, *, plain_http: bool) -> dict[str, str]:
    """gRPC's C core and curl read only the lower-case names, others only the upper-case ones."""
    names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy"]
    if plain_http:
        names += ["http_proxy", "HTTP_PROXY"]
    return dict.fromkeys(names, f"http://127.0.0.1:{port}") | {
        "no_proxy": _LOOPBACK,
        "NO_PROXY": _LOOPBACK,
        "NODE_USE_ENV_PROXY": "1",  # Node from 22.21 and 24 on
    }


def _trust(ca: Path) -> dict[str, str]:
    names = (
        "SSL_CERT_FILE",  # OpenSSL, and so httpx, aiohttp and Ruby; Go; .NET on Linux
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # the only one of gRPC's C core
        "HTTPLIB2_CA_CERTS",  # google-api-python-client
        "NODE_EXTRA_CA_CERTS",
    )
    return dict.fromkeys(names, str(ca))


def _google(kit: Kit, project: str) -> dict[str, str]:
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(kit.key_file), "GOOGLE_CLOUD_PROJECT": project}


def _node_options() -> str:
    path = str(_NODE_PROXY).replace("\\", "\\\\").replace('"', '\\"')
    return f'--require "{path}"'


def _java_options(kit: Kit, port: int, allow_net: bool) -> str:
    """The JVM reads no proxy variables, and splits this one at spaces outside quotes."""
    properties = {"https.proxyHost": "127.0.0.1", "https.proxyPort": str(port)}
    if not allow_net:
        properties |= {"http.proxyHost": "127.0.0.1", "http.proxyPort": str(port)}
    properties |= {
        "javax.net.ssl.trustStore": f'"{kit.trust_store}"',
        "javax.net.ssl.trustStorePassword": TRUST_STORE_PASSWORD,
    }
    return " ".join(f"-D{name}={value}" for name, value in properties.items())


def _joined(inherited: Mapping[str, str], name: str, value: str) -> str:
    return f"{inherited[name]} {value}" if inherited.get(name) else value
