"""JSON that was cut out and kept as it was written: missing, null, or no JSON inside."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.body import NOT_JSON

EMPTY = msgspec.Raw(b"")
"""Stands for a field that is missing: a Raw can't be optional."""

_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode


def size(value: msgspec.Raw) -> int:
    """Bytes of a JSON value without its quotes; nothing for null."""
    length = len(value)
    return length - 2 if length > 2 and bytes(value) != b"null" else 0


def length(value: msgspec.Raw) -> int:
    """The items of a JSON array; 0 for what is none."""
    try:
        return len(_items(value))
    except NOT_JSON:
        return 0


def is_given(value: msgspec.Raw) -> bool:
    """It is there, and not null."""
    length = len(value)
    return length > 4 or (length > 0 and bytes(value) != b"null")


def said(raw: msgspec.Raw | bytes) -> Any:
    """What a field holds; None if that can't be read: a field that was skipped over may still be no JSON inside."""
    try:
        return msgspec.json.decode(raw)
    except NOT_JSON:
        return None


def object_of(text: str) -> msgspec.Raw | None:
    """``text`` unchanged, if it is a JSON object: numbers keep the form that they were written in."""
    if not text.lstrip().startswith("{"):
        return None
    raw = text.encode()
    try:
        _object(raw)
    except NOT_JSON:
        return None
    return msgspec.Raw(raw)
