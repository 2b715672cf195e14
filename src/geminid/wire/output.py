"""Which kinds of output a model generates, and how its speech and its images come out.

Part of the configuration in Google's content.proto. Declarations only; used by ``generation.py``.
"""

from __future__ import annotations

from geminid.wire.message import Bytes, Int32, Message, WireEnum, field


class ResponseModality(WireEnum, proto="GenerationConfig.Modality"):
    """A kind of output to generate."""

    MODALITY_UNSPECIFIED = "MODALITY_UNSPECIFIED", 0
    TEXT = "TEXT", 1
    IMAGE = "IMAGE", 2
    AUDIO = "AUDIO", 3


class PersonGeneration(WireEnum, proto="ImageConfig.PersonGeneration"):
    """Which people generated images may show."""

    PERSON_GENERATION_UNSPECIFIED = "PERSON_GENERATION_UNSPECIFIED", 0
    ALLOW_ALL = "ALLOW_ALL", 1
    ALLOW_ADULT = "ALLOW_ADULT", 2
    ALLOW_NONE = "ALLOW_NONE", 3


class SpeechConfig(Message):
    """How generated speech sounds. ``language_code`` is BCP 47."""

    voice_config: VoiceConfig | None = field(1)
    language_code: str = field(2)
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = field(3)


class VoiceConfig(Message):
    """A voice."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = field(1, oneof="voice_config")
    replicated_voice_config: ReplicatedVoiceConfig | None = field(3, oneof="voice_config")


class PrebuiltVoiceConfig(Message):
    """A voice of Google's by name."""

    voice_name: str | None = field(1)


class ReplicatedVoiceConfig(Message):
    """A voice after a sample: 24 kHz, 16 bit WAV."""

    mime_type: str = field(1)
    voice_sample_audio: Bytes = field(2)


class MultiSpeakerVoiceConfig(Message):
    """Voices of a dialogue."""

    speaker_voice_configs: list[SpeakerVoiceConfig] = field(2)


class SpeakerVoiceConfig(Message):
    """The voice of the speaker that the prompt calls so."""

    speaker: str = field(1)
    voice_config: VoiceConfig | None = field(2)


class ImageConfig(Message):
    """How generated images look: ratio such as ``16:9``, size ``1K``, ``2K`` or ``4K``."""

    image_output_options: ImageOutputOptions | None = field(1)
    aspect_ratio: str | None = field(2)
    person_generation: PersonGeneration | None = field(3)
    image_size: str | None = field(4)


class ImageOutputOptions(Message, proto="ImageConfig.ImageOutputOptions"):
    """The file format of generated images; quality is 0 to 100."""

    mime_type: str | None = field(1)
    compression_quality: Int32 | None = field(2)
