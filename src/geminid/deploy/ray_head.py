"""One Ray node on this machine, as a process of its own: started, found again, ended. Ray is not imported here.

``ray stop`` would end every Ray process of the machine, whoever started it. A node that was started with
``--block`` ends all of its own processes when it is told to end itself.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from geminid.storage import durable

_START_SECONDS = 90.0
_STOP_SECONDS = 60.0
_OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Ray's store of objects would be 30 % of the memory; Serve streams over HTTP and hardly needs it."""

_SHORT = "/tmp"
"""The names of Unix sockets end at 97 bytes for HAProxy, and Ray adds 70 to the folder's."""

_LOOPBACK = "127.0.0.2"
"""Ray turns 127.0.0.1 into the address of the machine, and leaves this."""


class HeadError(Exception):
    """The node cannot be started or found; the message says what to do."""


class Head(msgspec.Struct, frozen=True):
    """A node that was started. ``began`` is when the kernel says it did, which tells it from a later process."""

    pid: int
    began: str
    address: str
    folder: str


class Heads:
    """Knows the one node that was started with the state in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "head.json"

    @property
    def token(self) -> Path:
        """The file with the token that every process of the cluster presents to the others."""
        return self._folder / "token"

    def find(self) -> Head | None:
        """The node, if it runs."""
        try:
            head = msgspec.json.decode(self._file.read_bytes(), type=Head)
        except (OSError, msgspec.DecodeError):
            return None
        return head if _began(head.pid) == head.began else None

    def start(self, host: str, port: int, environment: Mapping[str, str]) -> Head:
        """Returns when the node can be connected to. Raises HeadError; nothing is left running then."""
        if sys.platform != "linux":
            raise HeadError("Nodes are started on Linux. Start Ray by its own commands, and give its `address`.")
        folder = Path(tempfile.mkdtemp(prefix="geminid-", dir=_SHORT))
        log = folder / "start.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*_command(host, port), "--temp-dir", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, **_private_paths(folder)},
                start_new_session=True,
            )
        head = Head(process.pid, _began(process.pid), "", str(folder))
        try:
            head = msgspec.structs.replace(head, address=_address(process, folder))
            durable.replace(self._file, msgspec.json.encode(head))
        except BaseException as error:
            _end(head, process)
            if isinstance(error, HeadError):
                raise HeadError(f"{error} {log} has its last words.") from None
            raise
        return head

    def stop(self) -> Head | None:
        """Ends the node and all of its processes, after what they are serving; None where none runs."""
        head = self.find()
        if head is not None:
            _end(head)
            shutil.rmtree(head.folder, ignore_errors=True)
        self._file.unlink(missing_ok=True)
        return head

    def make_token(self) -> None:
        """Once; the other nodes of a cluster need a copy of the file."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.token.exists():
            durable.replace(self.token, secrets.token_hex(32).encode())


def _command(host: str, port: int) -> list[str]:
    program = "from ray.scripts.scripts import main; main()"
    options = {
        "--port": str(port),
        "--ray-client-server-port": str(_free_port()),  # it cannot be turned off
        "--include-dashboard": "false",
        "--include-log-monitor": "false",
        "--object-store-memory": str(_OBJECT_STORE_BYTES),
    }
    if ipaddress.ip_address(host).is_loopback:
        options["--node-ip-address"] = _LOOPBACK
    flags = [word for option in options.items() for word in option]
    return [sys.executable, "-c", program, "start", "--head", "--block", "--disable-usage-stats", *flags]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _private_paths(folder: Path) -> dict[str, str]:
    """HAProxy's files are in a folder of the node: by default all nodes and all users of a machine share one."""
    return {
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(folder / "metrics.sock"),
    }


def _address(process: subprocess.Popen[bytes], folder: Path) -> str:
    """What Ray writes down when the node runs. Raises HeadError."""
    file = folder / "ray_current_cluster"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if file.exists() and (address := file.read_text().strip()):
            return address
        if process.poll() is not None:
            raise HeadError("Ray ended before its node was ready.")
        time.sleep(0.1)
    raise HeadError(f"Ray's node was not ready within {_START_SECONDS:g} s.")


def _end(head: Head, process: subprocess.Popen[bytes] | None = None) -> None:
    """Asks, then insists. Its processes end with it: the kernel sees to that, or Ray's own reaper."""
    for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(head.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process is not None:
                process.poll()
            if _began(head.pid) != head.began:
                return
            time.sleep(0.1)


def _began(pid: int) -> str:
    """When the process began, in ticks since the machine did; empty where there is none, or only its exit code."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, began = fields[0], fields[19]
    return "" if state == "Z" else began
