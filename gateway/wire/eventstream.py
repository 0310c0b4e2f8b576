"""Amazon's binary event stream, cut and checked, not read: ``application/vnd.amazon.eventstream``.

A message is a prelude of 12 bytes (its own length, its headers' length, a CRC of these), headers, a payload, and a CRC
of all that. https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib

from gateway.core.errors import Reason, UpstreamError

PRELUDE_BYTES = 12
CRC_BYTES = 4
MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
"""Both as Amazon's own clients have them."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")


class EventStreamFramer:
    """Cuts a stream into messages, each given whole: prelude, headers, payload and checksum.

    What is wrong with a message is raised after the messages before it were given, so that how the network cut the
    stream makes no difference. Linear however small the pieces of a large message are.
    """

    __slots__ = ("_error", "_left", "_length")

    def __init__(self) -> None:
        self._left = bytearray()
        """The beginning of a message."""
        self._length = 0
        """Its length, once its prelude has come."""
        self._error: UpstreamError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that ``data`` completes. Raises UpstreamError (PROTOCOL) for one that is corrupted, or over a
        bound.
        """
        if self._error is not None:
            raise self._error
        frames: list[bytes] = []
        left = self._left
        try:
            if left:
                data = self._complete(data, frames)
            start = 0
            while len(data) - start >= PRELUDE_BYTES:
                length = _length(data, start)
                if len(data) - start < length:
                    self._length = length
                    break
                frames.append(_checked(data[start : start + length]))
                start += length
            left += data[start:] if start else data
        except UpstreamError as error:
            self._error = error
            if not frames:
                raise
        return frames

    def finish(self) -> list[bytes]:
        """The body has ended: nothing is left, or UpstreamError (CLOSED) is raised for a message that was cut short."""
        if self._error is not None:
            raise self._error
        if self._left:
            raise UpstreamError(Reason.CLOSED, "the stream ended within a message")
        return []

    def _complete(self, data: bytes, frames: list[bytes]) -> bytes:
        """Go on with the message that has begun; returns what ``data`` holds beyond it."""
        left = self._left
        taken = 0
        if not self._length:
            taken = PRELUDE_BYTES - len(left)
            left += data[:taken]
            if len(left) < PRELUDE_BYTES:
                return b""
            self._length = _length(left, 0)
        end = taken + self._length - len(left)
        left += data[taken:end]
        if len(left) == self._length:
            frames.append(_checked(bytes(left)))
            left.clear()
            self._length = 0
        return data[end:]


def _length(data: bytes | bytearray, start: int) -> int:
    """The length of the message that begins at ``start``, of which the prelude is there."""
    length, headers, crc = _PRELUDE.unpack_from(data, start)
    if zlib.crc32(data[start : start + 8]) != crc:
        raise UpstreamError(Reason.PROTOCOL, "a message of the stream is corrupted")
    if headers > MAX_HEADERS_BYTES or length - headers > MAX_PAYLOAD_BYTES + PRELUDE_BYTES + CRC_BYTES:
        raise UpstreamError(Reason.PROTOCOL, "a message of the stream is larger than the gateway takes")
    if length < headers + PRELUDE_BYTES + CRC_BYTES:
        raise UpstreamError(Reason.PROTOCOL, "a message of the stream is shorter than its own parts")
    return int(length)


def _checked(message: bytes) -> bytes:
    if zlib.crc32(memoryview(message)[:-CRC_BYTES]) != _CRC.unpack_from(message, len(message) - CRC_BYTES)[0]:
        raise UpstreamError(Reason.PROTOCOL, "a message of the stream is corrupted")
    return message
