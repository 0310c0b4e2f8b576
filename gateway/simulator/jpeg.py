"""JPEG images of any size in one colour: every block after the first says "as before, no detail", in two bits.

A baseline JPEG with its own Huffman tables, so short that they hold just what one colour needs.
Source: ITU-T T.81, annexes B and F.
"""

from __future__ import annotations

import struct

DC = bytes(range(12))
"""Sizes of a step in brightness, 0 to 11 bits: the first gets the code 0, so that "no step" is one bit."""
END_OF_BLOCK = 0


def jpeg(width: int, height: int, rgb: tuple[int, int, int]) -> bytes:
    """An image of ``width`` x ``height`` pixels, all of the colour ``rgb`` (within rounding)."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + b"".join(bytes((at, 0x11, 0)) for at in (1, 2, 3))
    scan = bytes((3, 1, 0, 2, 0, 3, 0, 0, 63, 0))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            _segment(0xDB, b"\0" + b"\x08" * 64),
            _segment(0xC0, frame),
            # Codes of 1 bit: one; of 5 bits: the other eleven. The AC table knows the end of a block alone.
            _segment(0xC4, b"\0" + bytes((1, 0, 0, 0, 11)) + bytes(11) + DC),
            _segment(0xC4, b"\x10" + bytes((1,)) + bytes(15) + bytes((END_OF_BLOCK,))),
            _segment(0xDA, scan),
            _entropy(width, height, rgb),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _entropy(width: int, height: int, rgb: tuple[int, int, int]) -> bytes:
    first = "".join(_step(level) + "0" for level in _levels(rgb))
    blocks = -(-width // 8) * -(-height // 8)
    bits = len(first) + (blocks - 1) * 6
    # Ones fill the last byte; a byte of ones within the data is followed by a zero.
    head = first.ljust(-(-len(first) // 8) * 8, "0" if blocks > 1 else "1")
    start = int(head, 2).to_bytes(len(head) // 8, "big").replace(b"\xff", b"\xff\x00")
    return start + bytes(max(0, -(-bits // 8) - len(head) // 8))


def _levels(rgb: tuple[int, int, int]) -> tuple[int, int, int]:
    """Y, Cb and Cr, shifted around zero: with a quantizer of 8, a block's DC is its mean."""
    red, green, blue = rgb
    return (
        round(0.299 * red + 0.587 * green + 0.114 * blue) - 128,
        round(-0.168736 * red - 0.331264 * green + 0.5 * blue),
        round(0.5 * red - 0.418688 * green - 0.081312 * blue),
    )


def _step(level: int) -> str:
    """A DC step: the Huffman code of its size, then its bits; a negative one is written as one less."""
    size = abs(level).bit_length()
    if size == 0:
        return "0"
    # Codes of 5 bits begin after 0, which takes half of them: 10000 is size 1.
    return f"{15 + size:05b}" + f"{level if level > 0 else level + (1 << size) - 1:0{size}b}"
