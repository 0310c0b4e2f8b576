"""Messages of Amazon's event stream, written by its specification and by none of our reading code."""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from collections.abc import Mapping
from typing import Any


class Byte(int):
    """An integer of 8 bits; plain integers have 32."""


class Short(int):
    pass


class Long(int):
    pass


class Timestamp(int):
    """Milliseconds since the epoch."""


_NUMBERS: tuple[tuple[type, int, str], ...] = (
    (Byte, 2, ">b"),
    (Short, 3, ">h"),
    (Long, 5, ">q"),
    (Timestamp, 8, ">q"),
    (int, 4, ">i"),
)


def message(headers: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """One message, its checksums right."""
    packed = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    body = prelude + packed + payload
    return body + struct.pack(">I", zlib.crc32(body))


def event(kind: str, payload: Any) -> bytes:
    """An event as Bedrock sends it."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(payload, separators=(",", ":")).encode())


def exception(kind: str, payload: Any) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps(payload).encode())


def _header(name: str, value: Any) -> bytes:
    raw = name.encode()
    return bytes([len(raw)]) + raw + _value(value)


def _value(value: Any) -> bytes:
    if isinstance(value, bool):
        return bytes([0 if value else 1])
    for type, code, form in _NUMBERS:
        if isinstance(value, type):
            return bytes([code]) + struct.pack(form, value)
    if isinstance(value, uuid.UUID):
        return b"\x09" + value.bytes
    code, raw = (7, value.encode()) if isinstance(value, str) else (6, value)
    return bytes([code]) + struct.pack(">H", len(raw)) + raw
