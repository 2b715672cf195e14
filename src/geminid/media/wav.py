"""Samples as a WAV file: the header alone, nothing is resampled or read.

For engines that hear. The layout is that of http://soundfile.sapp.org/doc/WaveFormat/
"""

from __future__ import annotations

import struct

_CHANNELS = 1
_SAMPLE_BYTES = 2
_PCM = 1
_HEADER = struct.Struct("<4sI4s 4sIHHIIHH 4sI")
_BEFORE_SIZE = 8
"""Bytes of the file that its own size leaves out: the mark in front, and that size."""


def wav(samples: bytes | bytearray, rate: int = 16_000) -> bytes:
    """``samples`` are mono, 16 bits signed, the low byte first, ``rate`` of them a second; 4 GiB at most.

    Half a sample at the end is left out.
    """
    size = len(samples) // _SAMPLE_BYTES * _SAMPLE_BYTES
    rate_bytes, bits = rate * _SAMPLE_BYTES, _SAMPLE_BYTES * 8
    shape = (_CHANNELS, rate, rate_bytes, _CHANNELS * _SAMPLE_BYTES, bits)
    riff_size = _HEADER.size - _BEFORE_SIZE + size
    header = _HEADER.pack(b"RIFF", riff_size, b"WAVE", b"fmt ", 16, _PCM, *shape, b"data", size)
    return b"".join([header, memoryview(samples)[:size]])
