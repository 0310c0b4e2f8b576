"""PNG images of any size, cheaply: sixteen colours in vertical stripes.

The pixels are the same for every image of a size, and only they cost anything: they are deflated once and kept. What
makes images differ is the palette, 48 bytes. Source: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import colorsys
import struct
import zlib
from functools import lru_cache

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 16
FRAME = 12
"""Bytes of a chunk besides its data: length, name and checksum."""
PADDING = b"paDd"
"""An ancillary, private chunk, safe to copy: readers skip it."""


def png(width: int, height: int, key: int, *, is_transparent: bool = False, least_bytes: int = 0) -> bytes:
    """An image of ``width`` x ``height`` pixels whose colours are decided by ``key``.

    A transparent one fades from left to right. It is padded to ``least_bytes`` with what no reader looks at.
    """
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0))
    palette = _chunk(b"PLTE", b"".join(map(bytes, colours(key))))
    alpha = _chunk(b"tRNS", bytes(range(0, 256, 17))) if is_transparent else b""
    body = b"".join((SIGNATURE, header, palette, alpha, _pixels(width, height), _chunk(b"IEND", b"")))
    if len(body) >= least_bytes:
        return body
    padding = _chunk(PADDING, bytes(max(0, least_bytes - len(body) - FRAME)))
    return body[:-FRAME] + padding + body[-FRAME:]


def colours(key: int) -> list[tuple[int, int, int]]:
    """Sixteen shades of one hue, dark to light, as red, green and blue."""
    hue = key % 360 / 360
    shades = (colorsys.hsv_to_rgb(hue, 1 - at / COLOURS, (at + 4) / (COLOURS + 4)) for at in range(COLOURS))
    return [(round(red * 255), round(green * 255), round(blue * 255)) for red, green, blue in shades]


@lru_cache(maxsize=64)
def _pixels(width: int, height: int) -> bytes:
    """The IDAT chunk. The first line is stripes; each other one says "as the one above" (filter 2), in zeros."""
    shades = [at * COLOURS // width for at in range(width)] + [0]
    first = bytes(shades[at] << 4 | shades[at + 1] for at in range(0, width, 2))
    line = b"\x02" + bytes(len(first))
    deflate = zlib.compressobj(1)
    parts = [deflate.compress(b"\x00" + first)]
    # In pieces of a megabyte, so that a large image doesn't need its size in memory.
    lines = max(1, 1_000_000 // len(line))
    block = line * lines
    parts += [deflate.compress(block) for _ in range((height - 1) // lines)]
    parts += (deflate.compress(line * ((height - 1) % lines)), deflate.flush())
    return _chunk(b"IDAT", b"".join(parts))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
