"""One message of an event stream, which the wire has cut and checked: its headers and where its payload is.

https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
from functools import lru_cache

from gateway.core.errors import Reason, UpstreamError

PRELUDE_BYTES = 12
CRC_BYTES = 4

_LENGTHS = struct.Struct(">II")
_SHORT = struct.Struct(">H")
_STRING = 7
_BYTES = 6
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type, where they don't stand before it."""


def message_of(frame: bytes) -> tuple[dict[str, str], bytes]:
    """The headers whose values are text (``:message-type``, ``:event-type``, …) and the payload.

    Raises UpstreamError (PROTOCOL) for headers that can't be read.
    """
    if len(frame) < PRELUDE_BYTES + CRC_BYTES:
        raise _unreadable()
    end = PRELUDE_BYTES + _LENGTHS.unpack_from(frame)[1]
    return headers_of(frame[PRELUDE_BYTES:end]), frame[end:-CRC_BYTES]


@lru_cache(maxsize=256)
def headers_of(data: bytes) -> dict[str, str]:
    """A service says the same few over and over."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            start = at + 1
            at = start + data[at]
            name, type = data[start:at].decode(), data[at]
            at += 1
            if type in (_STRING, _BYTES):
                start = at + _SHORT.size
                at = start + _SHORT.unpack_from(data, at)[0]
                if type == _STRING:
                    headers[name] = data[start:at].decode()
            else:
                at += _SIZES[type]
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise _unreadable() from error
    if at > len(data):
        raise _unreadable()
    return headers


def _unreadable() -> UpstreamError:
    return UpstreamError(Reason.PROTOCOL, "a message of the stream has headers that can't be read")
