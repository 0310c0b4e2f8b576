"""WebP images of any size in one colour: with a single symbol in each prefix code a pixel takes no bits at all.

Source: https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification
"""

from __future__ import annotations

import struct

LARGEST = 16_384
"""Pixels a side that the format can say."""


def webp(width: int, height: int, rgb: tuple[int, int, int], alpha: int = 255) -> bytes:
    """A lossless image of ``width`` x ``height`` pixels, all of one colour."""
    bits = _Bits()
    bits.put(0x2F, 8)
    bits.put(width - 1, 14)
    bits.put(height - 1, 14)
    bits.put(int(alpha < 255), 1)
    bits.put(0, 3)  # version
    bits.put(0, 3)  # no transform, no colour cache, no meta prefix codes
    red, green, blue = rgb
    for symbol in (green, red, blue, alpha, 0):  # the last is the distance code, never used
        bits.put(0b1, 1)  # a simple code
        bits.put(0, 1)  # of one symbol
        bits.put(1, 1)  # that is written in eight bits
        bits.put(symbol, 8)
    data = bits.bytes()
    data += bytes(len(data) % 2)
    chunk = b"VP8L" + struct.pack("<I", len(bits.bytes())) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


class _Bits:
    """Bits, the lowest first."""

    def __init__(self) -> None:
        self._value = 0
        self._size = 0

    def put(self, value: int, size: int) -> None:
        self._value |= value << self._size
        self._size += size

    def bytes(self) -> bytes:
        return self._value.to_bytes(-(-self._size // 8), "little")
