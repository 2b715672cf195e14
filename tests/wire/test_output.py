from __future__ import annotations

from geminid.wire import json
from geminid.wire.generation import GenerationConfig


def test_speech_and_images_print_as_they_were_read() -> None:
    body = (
        b'{"responseModalities": ["AUDIO","IMAGE"],"speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": '
        b'{"voiceName": "Kore"}},"languageCode": "fr-FR"},"imageConfig": {"imageOutputOptions": '
        b'{"compressionQuality": 0},"aspectRatio": "16:9","personGeneration": "ALLOW_NONE"}}'
    )

    assert json.encode_line(json.decode(GenerationConfig, body)) == body
