"""Server-sent events, cut and not read: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import re

from gateway.core.errors import Reason, UpstreamError

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Streamed images come as base64 in one event; a 4K PNG may have 40 MB of it."""

_BOM = b"\xef\xbb\xbf"
_LINE_ENDS = b"\r\n"
_END = re.compile(rb"\n\n|\n\r\n|\n\r(?=[^\n])|\r\r")
"""The end of a line and a blank line. After LF CR it takes the next byte to know; CR CR is an end whatever follows."""


class SseFramer:
    """Cuts a stream into events, each given raw as it came, the blank line that ends it included.

    A line may end in LF, CRLF or CR, each by its own choice. Joined, the frames are the stream again, but for a byte
    order mark at its start. A blank line too many comes as a frame of its own, one for each CR or LF. Costs 1 µs for
    data that holds whole events with LF, and is linear however small the pieces of a large event are.
    """

    __slots__ = ("_is_first", "_left", "_max_bytes", "_searched")

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._left = bytearray()
        """The beginning of an event."""
        self._searched = 0
        """So many of its bytes need not be looked at again."""
        self._is_first = True
        self._max_bytes = max_bytes

    def feed(self, data: bytes) -> list[bytes]:
        """The events that ``data`` completes. Raises UpstreamError (PROTOCOL) for one over the bound."""
        frames: list[bytes] = []
        left = self._left
        if left:
            # Most pieces of a large event hold no line end at all, and that is quick to see.
            may_end = b"\n" in data or b"\r" in data or left.endswith(b"\n\r")
            left += data
            found = _END.search(left, self._searched) if may_end else None
            if found is None:
                return self._keep()
            end = found.end()
            frames.append(bytes(memoryview(left)[:end]))
            data = bytes(memoryview(left)[end:])
            self._left = bytearray()
        rest = _cut(data, frames)
        if rest:
            self._left += rest
            self._keep()
        if self._is_first and frames:
            self._is_first = False
            frames[0] = frames[0].removeprefix(_BOM)
        return frames

    def finish(self) -> list[bytes]:
        """An event without its blank line, if one is left. The spec drops it; a dialect may judge otherwise."""
        left = bytes(self._left)
        self._left = bytearray()
        if self._is_first:
            left = left.removeprefix(_BOM)
        return [left] if left else []

    def _keep(self) -> list[bytes]:
        if len(self._left) > self._max_bytes:
            raise UpstreamError(Reason.PROTOCOL, "an event of the stream is larger than the gateway takes")
        # An end may have begun in the last three bytes: LF CR, of which the LF is still to come.
        self._searched = max(0, len(self._left) - 3)
        return []


def _cut(data: bytes, frames: list[bytes]) -> bytes:
    """Add the whole events in ``data``, which begins with one, to ``frames``; returns what is left."""
    if b"\r" not in data:
        if data.find(b"\n\n") == len(data) - 2 > 0 and not data.startswith(b"\n"):
            # The usual read is one event and nothing else.
            frames.append(data)
            return b""
        parts = data.split(b"\n\n")
        if not any(part[:1] == b"\n" for part in parts) and b"" not in parts[:-1]:
            rest = parts.pop()
            frames += [part + b"\n\n" for part in parts]
            return rest
    start = 0
    while start < len(data):
        if data[start] in _LINE_ENDS:
            end = start + 1
        else:
            found = _END.search(data, start)
            if found is None:
                break
            end = found.end()
        frames.append(data[start:end])
        start = end
    return data[start:]
