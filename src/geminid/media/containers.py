"""Which containers and codecs are opened, and how: as what ``sniff.py`` found, and with nothing beside the file.

Used by ``tracks.py``. Runs in workers only. What PyAV, which carries FFmpeg, would do unasked: guess the format by
the bytes, follow playlists and references to other files and to the network, try any of 600 decoders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from geminid.attachment import Kind
from geminid.media import refusals

if TYPE_CHECKING:
    from av.container import InputContainer

MOST_PIXELS = 36_000_000
"""Of a frame of video: 8K UHD, 7680 x 4320, and its padding. A decoder may keep 17 of them."""

_ISO = "mov,mp4,m4a,3gp,3g2,mj2"
_DEMUXERS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": _ISO,
    "audio/aac": "aac",
    "audio/aiff": "aiff",
    "audio/webm": "matroska,webm",
    "audio/3gpp": _ISO,
    "audio/x-ms-wma": "asf",
    "video/mp4": _ISO,
    "video/quicktime": _ISO,
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "video/x-msvideo": "avi",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
    "video/webm": "matroska,webm",
    "video/x-matroska": "matroska,webm",
    "video/3gpp": _ISO,
    "video/ogg": "ogg",
}
"""FFmpeg's names for what reads the types of ``sniff.py``. Those that follow references are not among them."""
BARE = "mpegvideo"
"""Has the media type of "mpeg", but no container: no times, and no way to seek."""
_BARE_START = b"\0\0\x01\xb3"
"""Its sequence_header_code (ISO 13818-2, 6.2.2.1)."""

_SOUND_CODECS = """
    mp3 mp3float mp2 mp2float mp1 mp1float aac aac_latm ac3 eac3 flac alac vorbis opus libopus speex wmav1 wmav2
    wmapro wmavoice nellymoser gsm gsm_ms amrnb amrwb libopencore_amrnb libopencore_amrwb qcelp adpcm_ms
    adpcm_ima_wav adpcm_ima_qt adpcm_swf adpcm_yamaha pcm_alaw pcm_mulaw pcm_u8 pcm_s8 pcm_s16le pcm_s16be
    pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_dvd pcm_bluray
"""
_PICTURE_CODECS = """
    h264 hevc vp8 vp9 libvpx libvpx-vp9 av1 libdav1d mpeg1video mpeg2video mpegvideo mpeg4 msmpeg4v1 msmpeg4v2
    msmpeg4 wmv1 wmv2 wmv3 vc1 h263 h263i h263p flv vp6 vp6a vp6f theora mjpeg prores dvvideo dnxhd cinepak svq1
    svq3 rpza indeo3 indeo5 msvideo1 qtrle rawvideo
"""
_CODECS = {Kind.AUDIO: frozenset(_SOUND_CODECS.split()), Kind.VIDEO: frozenset(_PICTURE_CODECS.split())}
"""What people record and share. FFmpeg has 450 more, of games and machines of the past, that few look after."""
_OPTIONS = {
    # Nothing but the file in hand is read: no protocol is called "none".
    "protocol_whitelist": "none",
    "codec_whitelist": ",".join(_CODECS[Kind.AUDIO] | _CODECS[Kind.VIDEO]),
    "max_streams": "100",
    # One for each processor, which is FFmpeg's default, would not fit into a worker's memory everywhere.
    "threads": "1",
    "max_pixels": str(MOST_PIXELS),
}
_ATTACHED_PICTURE = 1 << 10
"""AV_DISPOSITION_ATTACHED_PIC of avformat.h."""


def open_container(file: BinaryIO, demuxer: str) -> InputContainer:
    """At its beginning. Raises what FFmpeg and PyAV raise."""
    import av

    file.seek(0)
    options = _OPTIONS | {"format_whitelist": demuxer}
    return av.open(file, "r", demuxer, options, metadata_errors="replace", io_open=_nothing_else)


def demuxer_for(file: BinaryIO, format: str) -> str:
    """FFmpeg's name of what reads the media type ``format``. Raises InvalidArgument where it is none of ours."""
    name = _DEMUXERS.get(format)
    if name is None:
        raise refusals.unsupported(format)
    file.seek(0)
    bare = name == "mpeg" and file.read(len(_BARE_START)) == _BARE_START
    return BARE if bare else name


def decodable(stream: Any, kind: Kind) -> bool:
    """Whether it is of that kind and ours to decode. The cover of an album is a video of one frame to FFmpeg."""
    decoder = stream.codec_context
    if stream.type != kind.value or decoder is None or decoder.name not in _CODECS[kind]:
        return False
    return not stream.disposition & _ATTACHED_PICTURE


def _nothing_else(*_: object) -> NoReturn:
    """Asked for the files that a file refers to."""
    raise PermissionError
