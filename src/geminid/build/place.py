"""What a server is given that is one of several processes: shared ports, and engines that another one has.

Made by ``cli/worker.py`` for ``app.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

from geminid.build.embedded import Sockets
from geminid.doors.shared_port import SharedPort


@dataclass(frozen=True, slots=True)
class Place:
    """``grpc_socket`` is where grpc listens behind its shared port: a path that nobody else uses."""

    http: SharedPort
    grpc: SharedPort
    tls: SharedPort
    grpc_socket: str
    engines: Sockets
