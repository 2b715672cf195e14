"""The options that several commands share, and how they overlay the configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from geminid.settings import ModelSettings, Record, Settings, SettingsError, checked, load

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="GEMINID_CONFIG", help="A geminid.toml.", dir_okay=False),
]
State = Annotated[
    Path | None,
    typer.Option(envvar="GEMINID_STATE", help="The folder that the server keeps its state in.", file_okay=False),
]
Host = Annotated[
    str | None, typer.Option(envvar="GEMINID_HOST", help="Address to listen on.", show_default="127.0.0.1")
]
Port = Annotated[
    int | None, typer.Option(envvar="GEMINID_PORT", help="Port for HTTP; 0 takes a free one.", show_default="8080")
]
GrpcPort = Annotated[
    int | None,
    typer.Option(envvar="GEMINID_GRPC_PORT", help="Port for gRPC; 0 takes a free one.", show_default="8081"),
]
TlsPort = Annotated[
    int | None,
    typer.Option(
        envvar="GEMINID_TLS_PORT", help="Port for both over TLS; 0 takes a free one.", show_default="8443"
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(envvar="GEMINID_WORKERS", help="How many processes serve.", show_default="1"),
]
Engine = Annotated[
    str | None,
    typer.Option(
        envvar="GEMINID_ENGINE",
        help="Who answers: llama, a model that `geminid models` lists, scripted[:FILE], "
        "http://HOST:PORT/v1[#MODEL], or an engine of the configuration file.",
        show_default="llama",
    ),
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="GEMINI_ID=LOCAL", help="Another engine for one model id. Repeatable."),
]
RecordTo = Annotated[
    Path | None,
    typer.Option("--record", metavar="DIR", file_okay=False, help="Keep every exchange there, without secrets."),
]
ReplayFrom = Annotated[
    Path | None,
    typer.Option("--replay", metavar="DIR|FILE", exists=True, help="Answer from recordings alone, offline."),
]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says; None where it says nothing."""

    config: Path | None = None
    host: str | None = None
    port: int | None = None
    grpc_port: int | None = None
    tls_port: int | None = None
    engine: str | None = None
    model: list[str] | None = None
    workers: int | None = None
    record: Path | None = None
    replay: Path | None = None


def resolve(flags: Flags) -> Settings:
    """The settings of the file with the flags on top. Raises SettingsError."""
    settings = load(flags.config)
    names = ("host", "port", "grpc_port", "tls_port", "workers")
    given = {name: getattr(flags, name) for name in names if getattr(flags, name) is not None}
    settings = msgspec.structs.replace(
        settings,
        server=msgspec.structs.replace(settings.server, **given),
        engine=flags.engine or settings.engine,
        models=settings.models | dict(_model(text, settings) for text in flags.model or ()),
        record=Record(folder=str(flags.record)) if flags.record else settings.record,
    )
    return checked(_replaying(settings, flags.replay) if flags.replay else settings)


def _replaying(settings: Settings, recordings: Path) -> Settings:
    """Every id is answered from recordings, and no engine is started for anything else."""
    models = {name: msgspec.structs.replace(model, engine=None) for name, model in settings.models.items()}
    media = msgspec.structs.replace(settings.media, describer="", transcriber="none")
    safety = msgspec.structs.replace(settings.safety, rater="none")
    return msgspec.structs.replace(
        settings, engine=f"replay:{recordings}", models=models, media=media, safety=safety
    )


def _model(text: str, settings: Settings) -> tuple[str, ModelSettings]:
    model_id, _, local = text.partition("=")
    if not model_id or not local:
        raise SettingsError(f"--model {text!r} is not of the form GEMINI_ID=LOCAL.")
    known = settings.models.get(model_id, ModelSettings())
    return model_id, msgspec.structs.replace(known, engine=local)
