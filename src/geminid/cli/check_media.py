"""What ``geminid check`` says of media: whether files can be fetched, decoded and described.

Called by ``check.py``. All of it is optional, so what is missing is told and is not wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from geminid.cli.finding import Finding
from geminid.settings import Settings, SettingsError

_DECODERS = {"PIL": "pictures", "pypdfium2": "PDF", "av": "sound and video", "obstore": "gs://"}


def media_findings(settings: Settings) -> Iterator[Finding]:
    from geminid.build.media import policy_of, ready_made

    try:
        policy_of(settings.media)
        observers = ready_made(settings)
    except SettingsError as error:
        yield Finding("media", False, str(error), "Mend [media] in the file; see docs/media.md.")
        return
    missing = [what for module, what in _DECODERS.items() if find_spec(module) is None]
    if missing:
        yield Finding("media", True, f"no {', '.join(missing)}. To have them: pip install 'geminid[media]'")
        return
    yield Finding("media", True, "pictures, PDF, sound and video are decoded")
    for does, observer in observers.items():
        remedy = observer.ready()
        text = f"{observer.name} {does}" if remedy is None else f"nobody {does}. To have it: {remedy}"
        yield Finding("media", True, text)
    if settings.media.youtube and find_spec("yt_dlp") is None:
        yield Finding("media", True, "no videos of YouTube. To have them: pip install 'geminid[youtube]'")
