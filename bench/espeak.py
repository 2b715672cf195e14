"""Speech by eSpeak NG, by the package ``espeakng-loader`` or the system's library. Used by ``media_prompts.py``.

Its interface: https://github.com/espeak-ng/espeak-ng/blob/master/src/include/espeak-ng/speak_lib.h
"""

from __future__ import annotations

import ctypes
import io
import wave
from ctypes.util import find_library
from importlib.util import find_spec

PACKAGE = "espeakng-loader"
_RETRIEVAL, _UTF8, _NO_EXIT = 1, 1, 0x8000
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class NoVoice(Exception):
    """eSpeak NG is not here."""


def spoken(text: str, voice: str = "en-us") -> bytes:
    """A WAV file of one channel. Raises NoVoice."""
    library, data = _library()
    rate = library.espeak_Initialize(_RETRIEVAL, 0, data, _NO_EXIT)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
        raise NoVoice
    samples = bytearray()

    @_CALLBACK
    def keep(pointer: ctypes._Pointer[ctypes.c_short], count: int, events: int) -> int:
        if pointer:
            samples.extend(ctypes.string_at(pointer, 2 * count))
        return 0

    library.espeak_SetSynthCallback(keep)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(samples))
    return buffer.getvalue()


def _library() -> tuple[ctypes.CDLL, bytes | None]:
    """The library, and where its data are, None for where it looks by itself."""
    if find_spec("espeakng_loader"):
        import espeakng_loader

        data = str(espeakng_loader.get_data_path()).encode()
        return ctypes.CDLL(espeakng_loader.get_library_path()), data
    if name := find_library("espeak-ng"):
        return ctypes.CDLL(name), None
    raise NoVoice
