"""Settings -> what listens: the HTTP doors in the order in which they are asked, and the three ports.

Called by ``app.py``, which starts and stops the ports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from starlette.routing import Route
from starlette.types import ASGIApp

from geminid import settings as config
from geminid.build.place import Place
from geminid.call import Handler
from geminid.doors.authority import Authority, Certificate
from geminid.doors.bare_url import BareUrlDoor
from geminid.doors.choice import FirstOf
from geminid.doors.developer import DeveloperDoor
from geminid.doors.grants import OpenIssuer, StrictIssuer
from geminid.doors.grpc import GrpcDoor
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.metadata import Identity, metadata_routes
from geminid.doors.openai.door import OpenAIDoor
from geminid.doors.pages import Pages
from geminid.doors.rest import RestDoor
from geminid.doors.tls import TlsLimits, TlsListener
from geminid.doors.tokens import token_routes
from geminid.doors.uploads import FRAMING_BYTES, UPLOADS, UploadDoor
from geminid.gemini.profiles import Catalogue
from geminid.storage.file import FileCredentials
from geminid.wire import developer_routes, routes

OPEN_IDENTITY = Identity("geminid@local.iam.gserviceaccount.com", "local")
"""Who the metadata emulation says the machine is, where nobody checks."""


def http_doors(
    vertex: Mapping[routes.Method, Handler],
    developer: Mapping[developer_routes.Method, Handler],
    pages: Sequence[Route],
    uploads: UploadDoor,
    catalogue: Catalogue,
    limit: int,
) -> ASGIApp:
    """The last one answers for all that is left. ``limit`` is that of a body, in bytes."""
    generate, stream = vertex[routes.GENERATE_CONTENT], vertex[routes.STREAM_GENERATE_CONTENT]
    return FirstOf(
        Pages(pages),
        uploads,
        DeveloperDoor(developer, catalogue, request_bytes=limit),
        OpenAIDoor(generate, stream, developer[developer_routes.LIST_MODELS], catalogue, request_bytes=limit),
        BareUrlDoor(request_bytes=limit),
        otherwise=RestDoor(vertex, request_bytes=limit),
    )


def token_pages(auth: config.Auth, credentials: FileCredentials) -> list[Route]:
    """Where clients get their tokens; the metadata emulation, too, but in strict mode for one account only."""
    if auth.mode == "open":
        issuer = OpenIssuer()
        return [*token_routes(issuer), *metadata_routes(issuer, OPEN_IDENTITY, local_only=False)]
    strict = StrictIssuer(credentials)
    if not auth.account:
        return [*token_routes(strict)]
    project = auth.account.partition("@")[2].partition(".")[0]
    identity = Identity(auth.account, project)
    return [*token_routes(strict), *metadata_routes(strict, identity, local_only=True)]


def listener_of(doors: ASGIApp, server: config.Server, file_bytes: int, place: Place | None) -> Listener:
    """The HTTP port. ``file_bytes`` bounds an upload."""
    return Listener(
        doors,
        host=server.host,
        port=server.port,
        limits=Limits(
            header_seconds=server.header_seconds,
            body_seconds=server.body_seconds,
            body_bytes=server.request_bytes,
            streamed={UPLOADS: file_bytes + FRAMING_BYTES},
            write_seconds=server.write_seconds,
            keep_alive_seconds=server.keep_alive_seconds,
        ),
        drain_seconds=server.drain_seconds,
        shared=place.http if place else None,
    )


def grpc_of(handlers: Mapping[routes.Method, Handler], server: config.Server, place: Place | None) -> GrpcDoor:
    return GrpcDoor(
        handlers,
        host=server.host,
        port=server.grpc_port,
        drain_seconds=server.drain_seconds,
        shared=place.grpc if place else None,
        behind=place.grpc_socket if place else "",
    )


def tls_of(
    http: Listener, grpc: GrpcDoor, server: config.Server, certificate: Certificate, place: Place | None
) -> TlsListener:
    """The port that hands on to the other two, which have started."""
    return TlsListener(
        http.connect,
        grpc.inward,
        host=server.host,
        port=server.tls_port,
        certificate=certificate,
        limits=TlsLimits(drain_seconds=server.drain_seconds),
        shared=place.tls if place else None,
    )


def certificate_of(tls: config.Tls, folder: Path) -> Certificate:
    """The operator's own, else one that is made in ``folder``."""
    if tls.certificate and tls.key:
        return Certificate(Path(tls.certificate), Path(tls.key))
    return Authority(folder, names=tls.names).certificate()
