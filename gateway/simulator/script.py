"""What is to be sent for one request, and when: made by an endpoint, spoilt by faults, played by the app."""

from __future__ import annotations

import enum

import msgspec

JSON = b"application/json"
SSE = b"text/event-stream; charset=utf-8"
HTML = b"text/html"


class End(enum.Enum):
    """How a reply ends."""

    COMPLETE = enum.auto()
    CUT = enum.auto()
    """The connection closes where more was promised."""
    SILENCE = enum.auto()
    """Nothing more comes, and nothing ends."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """A reply: its head, its pieces, and their times in seconds. A whole reply is one piece."""

    events: tuple[bytes, ...]
    content_type: bytes = JSON
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
    before_head_s: float = 0.0
    interval_s: float = 0.0
    """Between two paced events."""
    paced: tuple[int, int] = (0, 0)
    """From which event to before which there is an interval ahead of each."""
    has_head: bool = True
    """Without one, nothing is sent at all."""
    end: End = End.COMPLETE
    promised_bytes: int | None = None
    """The length that the head of a whole reply states, where it is not the body's."""

    @property
    def is_stream(self) -> bool:
        return self.content_type is SSE


class Stamp(msgspec.Struct, frozen=True):
    """What makes one reply different from the next: its id, its time, and where the client reached us."""

    id: str
    """24 hexadecimal digits."""
    created: int
    """Seconds since the epoch."""
    origin: str
    """``http://127.0.0.1:9000``"""
