"""A request's body, cut to what may be written in one go."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.exchange import Buffer, Payload

JOINED_BYTES = 64 * 1024
"""A body up to this size is joined with its head and written at once: one packet, one system call."""

SLICE_BYTES = 128 * 1024
"""The most that one write takes: TLS encrypts a write whole, and the event loop waits for it (some 0.1 ms)."""


class BadPayload(Exception):
    """The body did not come to the length that it had promised."""


def joined(head: bytes, body: Payload) -> bytes:
    """Head and a small body in one piece. Raises BadPayload."""
    data = b"".join((head, *body))
    if len(data) != len(head) + body.length:
        raise BadPayload
    return data


def slices(head: bytes, body: Payload) -> Iterator[Buffer]:
    """Head and body as writes of a sensible size: big pieces are cut without a copy, small neighbours are joined.

    Raises BadPayload before more is given than was promised, or at the end if it is less.
    """
    small: list[Buffer] = [head]
    size = len(head)
    left = body.length
    for piece in body:
        left -= len(piece)
        if left < 0:
            raise BadPayload
        if len(piece) > SLICE_BYTES:
            if small:
                yield b"".join(small)
                small, size = [], 0
            view = memoryview(piece)
            for start in range(0, len(view), SLICE_BYTES):
                yield view[start : start + SLICE_BYTES]
            continue
        small.append(piece)
        size += len(piece)
        if size >= SLICE_BYTES:
            yield b"".join(small)
            small, size = [], 0
    if left:
        raise BadPayload
    if small:
        yield b"".join(small)
