"""Settings -> what understands media: the fetcher, the workers, and the observers."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

from geminid.build.engines import engine_that_hears
from geminid.engines import weights
from geminid.engines.base import Engine
from geminid.media.described import Observers
from geminid.media.fetch import Fetcher, FindUploaded, Policy
from geminid.media.memory import Memory
from geminid.media.observers.base import Describer, Labeller, Observer, TextReader, Transcriber
from geminid.media.understand import Understanding
from geminid.media.workers import Workers
from geminid.settings import Media, Settings, SettingsError

_EMULATOR = "STORAGE_EMULATOR_HOST"
"""What Google's own client libraries read."""


def understanding_of(
    settings: Settings, engines: Mapping[str, Engine], uploads: FindUploaded | None = None
) -> Understanding:
    """``engines`` are those of ``Registry.observing``; ``uploads`` finds the files of the Files API.

    Nothing is started. Raises SettingsError.
    """
    media = settings.media
    return Understanding(
        Fetcher(policy_of(media), uploads=uploads),
        Workers(media.workers),
        observers_of(settings, engines),
        Memory(media.memory_bytes),
    )


def policy_of(media: Media) -> Policy:
    """What may be fetched. Raises SettingsError for what is no folder or no network."""
    defaults = Policy()
    return Policy(
        max_bytes=media.max_bytes,
        seconds=media.seconds,
        object_seconds=media.object_seconds,
        redirects=media.redirects,
        networks=tuple(_network(network) for network in media.networks),
        file_roots=tuple(_folder("file_roots", root) for root in media.file_roots),
        buckets={name: _folder(f"buckets.{name}", folder) for name, folder in media.buckets.items()},
        storage_endpoint=media.storage_endpoint or _emulator(),
        youtube=media.youtube,
        cache_dir=Path(media.cache_dir).absolute() if media.cache_dir else defaults.cache_dir,
        cache_bytes=media.cache_bytes,
    )


def observers_of(settings: Settings, engines: Mapping[str, Engine]) -> Observers:
    """Raises SettingsError for a transcriber that is not known."""
    return Observers(
        _reader(settings.media),
        _labeller(settings.media),
        _transcriber(settings, engines),
        _describer(settings.media, engines),
    )


def ready_made(settings: Settings) -> dict[str, Observer]:
    """The observers that are no engines, by what they do. Raises SettingsError."""
    media = settings.media
    found: dict[str, Observer | None] = {
        "reads text in pictures": _reader(media),
        "names what pictures show": _labeller(media),
        "hears speech": None if engine_that_hears(settings) else _transcriber(settings, {}),
    }
    return {does: observer for does, observer in found.items() if observer is not None}


def _reader(media: Media) -> TextReader | None:
    from geminid.media.observers.ocr import RapidOcr
    from geminid.media.observers.scripted import ScriptedReader

    match media.reader:
        case "rapidocr":
            return RapidOcr()
        case "scripted":
            return ScriptedReader()
        case "none":
            return None


def _labeller(media: Media) -> Labeller | None:
    from geminid.media.observers.labels import EfficientNet
    from geminid.media.observers.scripted import ScriptedLabeller

    match media.labeller:
        case "scripted":
            return ScriptedLabeller()
        case "none":
            return None
        case name:
            return EfficientNet(_path(name), pull=_pull(name))


def _transcriber(settings: Settings, engines: Mapping[str, Engine]) -> Transcriber | None:
    from geminid.media.observers.by_engine import EngineTranscriber
    from geminid.media.observers.scripted import ScriptedTranscriber
    from geminid.media.observers.speech import Whisper, packaged

    name = settings.media.transcriber
    if expression := engine_that_hears(settings):
        return EngineTranscriber(engines[expression], title=expression)
    if name == "scripted":
        return ScriptedTranscriber()
    if name == "none":
        return None
    if name in weights.OBSERVERS:
        return Whisper(_path(name, instead=packaged()), title="Whisper tiny.en", pull=_pull(name))
    if (Path(name) / "model.bin").is_file():
        return Whisper(Path(name).absolute(), title=Path(name).name, pull="")
    raise SettingsError(
        f"[media] transcriber {name!r} is neither whisper-tiny-en, scripted, none, engine:NAME nor a folder with "
        "a Whisper model that was converted for CTranslate2."
    )


def _describer(media: Media, engines: Mapping[str, Engine]) -> Describer | None:
    from geminid.media.observers.by_engine import EngineDescriber

    return EngineDescriber(engines[media.describer], title=media.describer) if media.describer else None


def _path(name: str, instead: Path | None = None) -> Path:
    """Where the weights are, or will be; ``instead`` serves as long as they are not there."""
    return weights.cached(weights.OBSERVERS[name]) or instead or weights.cache_folder() / name


def _pull(name: str) -> str:
    return f"geminid models pull {name}"


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise SettingsError(f"[media] networks has {text!r}, which is no network: {error}") from error


def _folder(key: str, text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise SettingsError(f"[media] {key} is {text!r}, which is no folder. Make it, or mend the path.")
    return path


def _emulator() -> str | None:
    host = os.environ.get(_EMULATOR, "")
    return (host if "://" in host else f"http://{host}") if host else None
