"""What a dialect does: pure translation between OpenAI's format and a provider's. No I/O, no clock, no ``await``.

Three methods: ``encode`` a call for a target, make a fresh ``decoder`` for one reply, and ``failure``: read why a
provider said no. The rooms above never see a provider's own format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing, Header, HttpHead, HttpRequest
from gateway.core.types import Call, Event, Target

SHORTEST_SECRET = 8


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account at one upstream API, as the configuration has it. Its ``repr`` holds no secret."""

    name: str
    kind: str
    base_url: str
    api_key: str = ""
    headers: Mapping[str, str] = {}
    """Sent with every request, after the dialect's own and instead of those of the same name."""
    region: str | None = None
    api_version: str | None = None
    """Azure's."""
    project: str | None = None
    location: str | None = None
    """Vertex's."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never reach a client, wherever the provider repeats it.

        A header may be the credential. What is shorter than any key is a word, and words are not struck out.
        """
        return tuple(text for text in (self.api_key, *self.headers.values()) if len(text) >= SHORTEST_SECRET)

    def headers_over(self, own: Mapping[str, str]) -> tuple[Header, ...]:
        """The dialect's ``own`` headers as the wire takes them, with the configuration's instead of the like-named."""
        headers = dict(own) | {name.lower(): value for name, value in self.headers.items()}
        return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())

    def __repr__(self) -> str:
        return f"<Account {self.name}: {self.kind} at {self.base_url}>"


class Decoder(Protocol):
    """Reads one reply, then is thrown away."""

    framing: Framing
    """How the wire is to cut the body: SSE frames and event-stream messages come one by one, a whole body at once."""

    def decode(self, frame: bytes) -> Sequence[Event]:
        """What one frame means to the client: none, one or more events.

        An SSE frame comes as raw bytes, its line ends and closing blank line included.
        Raises UpstreamError for an error in the reply, or a reply that can't be read.
        """
        ...

    def finish(self) -> Sequence[Event]:
        """The body has ended: what was still kept back. Raises UpstreamError if the reply was cut short."""
        ...


class WholeDecoder:
    """What decoders share that read a body in one piece: nothing comes after it, and without it there is no reply."""

    framing: Framing = "whole"
    _has_come = False
    """``decode`` says so."""

    def finish(self) -> Sequence[Event]:
        if not self._has_come:
            raise UpstreamError(Reason.UNREADABLE, "the provider's reply is empty")
        return ()


class Dialect(Protocol):
    """One provider's format, for one account."""

    account: Account

    def encode(self, call: Call, target: Target) -> HttpRequest:
        """The request that asks ``target`` for what ``call`` wants.

        Raises InvalidRequest for what is wrong in any format, and UpstreamError (UNSUPPORTED) for what this format
        can't say and another may, naming the field. What is but a hint (``seed``, ``user``) is left out instead.
        """
        ...

    def decoder(self, call: Call, target: Target, head: HttpHead) -> Decoder:
        """A fresh decoder for ``target``'s reply to ``call`` with a status below 300."""
        ...

    def failure(self, head: HttpHead, body: bytes) -> UpstreamError:
        """Why the provider refused: any other status. Reads Retry-After too."""
        ...
