"""One HTTP exchange with a provider, as the rooms speak of it: ``providers`` make requests, ``wire`` sends them.

A dialect never does I/O and the wire never reads a body; these few shapes are all that they share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol
from urllib.parse import urlsplit

import msgspec

Buffer = bytes | bytearray | memoryview
Framing = Literal["whole", "sse", "eventstream"]
"""How the wire is to cut a reply's body for the dialect that reads it."""


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port: what a connection pool is kept for."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an absolute http(s) URL. Raises ValueError, saying what is wrong with it."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an absolute http:// or https:// URL")
        return cls(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    @property
    def authority(self) -> str:
        """Host, and port where it isn't the scheme's own, as the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


class Payload(Protocol):
    """A request body whose length is known, which can be sent more than once: failover must be able to."""

    @property
    def length(self) -> int:
        """Bytes in all."""
        ...

    def __iter__(self) -> Iterator[Buffer]:
        """The bytes from their start, in pieces that may be sent as they are. Each call begins anew."""
        ...


class Pieces:
    """A payload in memory: pieces that are sent one after another, never joined (a 20 MB message stays where it is)."""

    __slots__ = ("_pieces", "length")

    def __init__(self, *pieces: Buffer) -> None:
        self._pieces = pieces
        self.length = sum(len(piece) for piece in pieces)

    def __iter__(self) -> Iterator[Buffer]:
        return iter(self._pieces)

    def __repr__(self) -> str:
        return f"<Pieces {self.length} bytes in {len(self._pieces)}>"


Header = tuple[bytes, bytes]


class HttpRequest:
    """A request to a provider. Header names are lower case; ``host`` and ``content-length`` are the wire's to add."""

    __slots__ = ("body", "headers", "method", "origin", "path")

    def __init__(self, method: bytes, origin: Origin, path: bytes, headers: Sequence[Header], body: Payload) -> None:
        self.method = method
        self.origin = origin
        self.path = path
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        names = ", ".join(name.decode("latin-1") for name, _ in self.headers)
        return (
            f"<HttpRequest {self.method.decode()} {self.origin}{self.path.decode('latin-1')} ({names}) {self.body!r}>"
        )


class HttpHead:
    """Status and headers of a reply; names are lower case."""

    __slots__ = ("headers", "status")

    def __init__(self, status: int, headers: Sequence[Header]) -> None:
        self.status = status
        self.headers = headers

    def get(self, name: bytes) -> bytes | None:
        """The first value of the header ``name`` (lower case), if any."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def media_type(self) -> bytes:
        """The content type without its parameters, lower case; empty if there is none."""
        value = self.get(b"content-type")
        return value.split(b";", 1)[0].strip().lower() if value else b""

    def __repr__(self) -> str:
        return f"<HttpHead {self.status} {len(self.headers)} headers>"


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. ``connect`` covers name, TCP and TLS; ``first_byte`` runs from the request's last byte to the first of
    the reply's head; ``idle`` is the longest silence within a body, either way; ``total`` spans the whole call, all its
    attempts.
    """

    connect: float = 2.0
    first_byte: float = 60.0
    idle: float = 30.0
    total: float = 600.0


class HttpReply(Protocol):
    """A reply whose head has come and whose body is still to be read."""

    head: HttpHead

    async def read(self) -> bytes:
        """The next bytes of the body as they came, unframed; ``b""`` at its end, and from then on.

        Raises UpstreamError (CLOSED, PROTOCOL, IDLE_TIMEOUT, TOTAL_TIMEOUT). Reading is what lets more be received.
        Once the end was read, the connection may serve another request.
        """
        ...

    def abort(self) -> None:
        """Give the exchange up at once: the provider sees the connection close. Does nothing after the body's end."""
        ...


class Signer(Protocol):
    """Adds to a request what proves whose it is, where a fixed header won't do: tokens that expire, signatures.

    One for the life of its provider. It may do I/O (fetch a token, ask a cloud's metadata), which dialects never do.
    """

    async def sign(self, request: HttpRequest) -> HttpRequest:
        """``request`` with its proof. Raises UpstreamError (AUTH) if no credential can be had."""
        ...


class Transport(Protocol):
    """Carries exchanges; one for the life of the process, shared by all calls."""

    async def send(self, request: HttpRequest, timeouts: Timeouts, deadline: float) -> HttpReply:
        """Send ``request`` and wait for the reply's head, whatever its status.

        ``deadline`` is the call's, in seconds of the monotonic clock: the exchange ends then with TOTAL_TIMEOUT.
        Raises UpstreamError (CONNECT, CONNECT_TIMEOUT, FIRST_BYTE_TIMEOUT, TOTAL_TIMEOUT, CLOSED, PROTOCOL).
        Cancelled, it closes the connection at once.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...
