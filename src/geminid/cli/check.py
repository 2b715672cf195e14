"""``geminid check``: looks at everything ``serve`` needs and says what is wrong and what to do about it."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape

from geminid.cli import options
from geminid.cli.check_media import media_findings
from geminid.cli.finding import Finding
from geminid.settings import EngineSettings, Llama, OpenAI, Replay, Scripted, Settings, SettingsError, Vertex

if TYPE_CHECKING:
    from geminid.engines.weights import Weights

_X86_FLAGS = {"avx2", "fma", "f16c", "bmi2"}
"""What the prebuilt llama.cpp of the xllamacpp wheel is compiled for."""

_ENGINE_OVERHEAD = 850_000_000
"""Bytes the engine takes beside the weights, measured with the embedded model and its default context."""


def check(
    host: options.Host = None,
    port: options.Port = None,
    grpc_port: options.GrpcPort = None,
    tls_port: options.TlsPort = None,
    engine: options.Engine = None,
    model: options.Model = None,
    config: options.Config = None,
) -> None:
    """Find out what keeps this installation from working."""
    console = Console(highlight=False)
    wrong = 0
    for finding in findings(options.Flags(config, host, port, grpc_port, tls_port, engine, model)):
        mark = "[green]ok[/]   " if finding.ok else "[red]wrong[/]"
        console.print(f"{mark} {finding.subject}: {escape(finding.text)}", soft_wrap=True)
        if not finding.ok:
            wrong += 1
            console.print(f"      {escape(finding.advice)}", soft_wrap=True)
    raise typer.Exit(1 if wrong else 0)


def findings(flags: options.Flags) -> Iterator[Finding]:
    """Everything that is looked at, one after the other, so that a slow check does not hide the others."""
    try:
        settings = options.resolve(flags)
        engines = _used(settings)
    except SettingsError as error:
        yield Finding("settings", False, str(error), "Mend the file or the flags; see docs/settings.md.")
        return
    yield Finding("settings", True, str(flags.config) if flags.config else "defaults")
    yield _port("port", settings.server.host, settings.server.port)
    yield _port("gRPC port", settings.server.host, settings.server.grpc_port)
    yield _port("TLS port", settings.server.host, settings.server.tls_port)
    for used in engines:
        match used:
            case Llama():
                yield _processor()
                yield _library()
                yield from _weights(used.weights, settings)
            case OpenAI():
                yield from map(_reachable, used.addresses)
            case Scripted():
                yield _script(used)
            case Vertex() | Replay():
                yield _elsewhere(used)
    yield from media_findings(settings)
    yield _safety(settings)


def _used(settings: Settings) -> list[EngineSettings]:
    from geminid.build.engines import used_engines

    return used_engines(settings)


def _port(subject: str, host: str, port: int) -> Finding:
    where = f"{host}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "taken by another program" if taken else error.strerror
            option = f"--{subject.lower().replace(' ', '-')}"
            return Finding(subject, False, f"{where}: {reason}", f"Stop that program, or give another {option}.")
    return Finding(subject, True, f"{where} is free")


def _processor() -> Finding:
    machine = platform.machine()
    flags = _cpu_flags()
    missing = _X86_FLAGS - flags if machine in ("x86_64", "AMD64") and flags else set()
    if missing:
        return Finding(
            "processor", False, f"lacks {', '.join(sorted(missing))}",
            "The embedded engine needs a processor of 2013 or later; give --engine another server.",
        )  # fmt: skip
    return Finding("processor", True, f"{machine}, {os.cpu_count()} threads")


def _library() -> Finding:
    """Loads llama.cpp in a process of its own, as the engine does."""
    result = subprocess.run(
        [sys.executable, "-c", "import xllamacpp"], capture_output=True, text=True, check=False
    )
    if result.returncode == 0:
        return Finding("llama.cpp", True, "loads")
    reason = result.stderr.strip().rpartition("\n")[2] or f"exit code {result.returncode}"
    advice = "Install what is missing; slim Linux images often lack libgomp1. Or reinstall xllamacpp."
    return Finding("llama.cpp", False, reason, advice)


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def _weights(name: str, settings: Settings) -> Iterator[Finding]:
    from geminid.build.engines import weights_named
    from geminid.engines import weights

    model = weights_named(name, settings)
    pull = f"Run `geminid models pull {name}`."
    path = weights.cached(model)
    if path is None:
        yield Finding(f"weights {name}", False, "not here yet", f"{pull} `geminid serve` does it, too.")
        yield _disk(model)
        return
    if damaged := weights.damaged(model):
        yield Finding(f"weights {name}", False, f"{damaged[0]} is damaged", f"Delete the file. {pull}")
        return
    more = "" if weights.prepared(model) else f", of which `geminid models pull {name}` makes a faster one"
    yield Finding(f"weights {name}", True, f"{path}{more}")
    yield _memory(path.stat().st_size + _ENGINE_OVERHEAD)


def _disk(model: Weights) -> Finding:
    from geminid.engines import weights

    folder = weights.cache_folder()
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    free = shutil.disk_usage(existing).free
    needed = 2 * (model.size or 0) + (model.conversion.size if model.conversion else 0)
    advice = f"Make room, or set GEMINID_CACHE to a folder with {_size(needed)} free."
    return Finding("disk", free >= needed, f"{_size(free)} free in {folder}", advice)


def _memory(needed: int) -> Finding:
    available = _available_memory()
    if available is None:
        return Finding("memory", True, f"{_size(needed)} needed")
    text = f"{_size(available)} available, about {_size(needed)} needed"
    return Finding("memory", available >= needed, text, "Close other programs or choose smaller weights.")


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    row = next((line for line in lines if line.startswith("MemAvailable")), None)
    return int(row.split()[1]) * 1024 if row else None


def _reachable(url: str) -> Finding:
    address = urlsplit(url)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=3).close()
    except OSError as error:
        reason = error.strerror or "no answer within 3 s"
        return Finding("engine", False, f"{url}: {reason}", "Start that server, or mend its address.")
    return Finding("engine", True, f"{url} answers")


def _script(engine: Scripted) -> Finding:
    from geminid.engines.scripted import Script, ScriptError

    if engine.script is None:
        return Finding("engine", True, "scripted, with its fixed text")
    try:
        Script.load(Path(engine.script))
    except ScriptError as error:
        return Finding("engine", False, str(error), "Mend the script; see docs/scripted.md.")
    return Finding("engine", True, f"scripted by {engine.script}")


def _elsewhere(engine: Vertex | Replay) -> Finding:
    from geminid.build.upstreams import replay_of, vertex_of

    try:
        if isinstance(engine, Replay):
            replay_of(engine)
            return Finding("engine", True, f"replays {engine.recordings}")
        vertex_of(engine)
    except SettingsError as error:
        return Finding("engine", False, str(error), "Mend the settings; see docs/upstream.md.")
    return Finding("engine", True, engine.endpoint or "Google's own service; whether it lets you in is not asked")


def _safety(settings: Settings) -> Finding:
    from geminid.build.safety import finders_of, rater_of

    safety = settings.safety
    try:
        finders = finders_of(safety)
        rater = None if safety.rater.startswith("judge:") else rater_of(safety, {})
    except SettingsError as error:
        return Finding("safety", False, str(error), "Mend [safety] in the file; see docs/safety.md.")
    if rater is not None and (remedy := rater.ready()):
        return Finding("safety", False, f"the rater {safety.rater!r} cannot be used yet", remedy)
    looked_for = "".join(f", {reason.name}" for reason in finders)
    return Finding("safety", True, f"rated by {safety.rater!r}{looked_for}")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
