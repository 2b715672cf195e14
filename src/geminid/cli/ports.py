"""The listening sockets of a server with workers: opened by the process that starts those, who inherit them."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from geminid.cli.worker import PORTS
from geminid.doors.listen import ListenError, advice
from geminid.doors.shared_port import bind
from geminid.settings import Server


@dataclass(frozen=True, slots=True)
class Port:
    """What was asked for, and the sockets that listen there."""

    host: str
    asked: int
    sockets: list[socket.socket]

    @property
    def number(self) -> int:
        return int(self.sockets[0].getsockname()[1])

    @property
    def descriptors(self) -> list[int]:
        return [bound.fileno() for bound in self.sockets]


Ports: TypeAlias = Mapping[str, Port]
"""By their names, PORTS."""


def opened(server: Server, have: Ports) -> Ports:
    """The ports of these settings: those there are, where they are the same. Raises ListenError."""
    ports: dict[str, Port] = {}
    for name, asked in zip(PORTS, (server.port, server.grpc_port, server.tls_port), strict=True):
        port = have.get(name)
        if port is None or (port.host, port.asked) != (server.host, asked):
            try:
                port = Port(server.host, asked, bind(server.host, asked))
            except OSError as error:
                close(only(ports, have))
                raise ListenError(advice(error, server.host, asked)) from error
        ports[name] = port
    return ports


def only(ports: Ports, others: Ports) -> list[Port]:
    """Those that the others are not."""
    return [port for name, port in ports.items() if port is not others.get(name)]


def close(ports: Iterable[Port]) -> None:
    """For this process; who has inherited them has them still."""
    for port in ports:
        for bound in port.sockets:
            bound.close()
