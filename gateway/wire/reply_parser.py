"""HTTP/1.1 replies from bytes: httptools, and what it leaves to its user."""

from __future__ import annotations

from typing import Any, cast

from httptools import HttpParserError, HttpResponseParser

from gateway.core.exchange import Header, HttpHead
from gateway.wire.reply import Reply

HEADER_OVERHEAD = 32
"""What each header counts beside its own bytes, so that one bound holds many small ones too, as in HTTP/2."""

_NOTED = (b"transfer-encoding", b"content-encoding", b"keep-alive")


class Malformed(Exception):
    """No valid HTTP, or over a bound. The message says which."""


class ReplyParser:
    """Fills one Reply after another with what it is fed. One for a connection.

    llhttp, below httptools, is strict about line ends, lengths and chunk sizes. What it lets pass and is refused here:
    transfer codings other than chunked, HTTP/0.9 and HTTP/2.0, status codes below 100, 101 that nobody asked for, and
    heads without bound. It can't be told that the peer closed: ``is_delimited`` helps with that.
    """

    __slots__ = (
        "_head_left",
        "_headers",
        "_is_first",
        "_is_head_request",
        "_max_head_bytes",
        "_parser",
        "_reply",
        "is_complete",
        "is_reusable",
        "keepalive_s",
        "silent_bytes",
    )

    def __init__(self, max_head_bytes: int) -> None:
        self._max_head_bytes = max_head_bytes
        self._parser: Any = HttpResponseParser(self)
        self._reply = cast("Reply", None)
        self._headers: list[Header] = []
        self._head_left = 0
        self._is_first = True
        self._is_head_request = False
        self.is_complete = False
        """The reply has come to its end."""
        self.is_reusable = True
        """Another reply may follow: the provider keeps the connection, and nothing came after the end of this one."""
        self.silent_bytes = 0
        """Bytes since there last was something of a body in them; 0 also after an interim reply."""
        self.keepalive_s = float("inf")
        """How long the provider says that it keeps an idle connection."""

    def begin(self, reply: Reply, *, is_head_request: bool) -> None:
        self._reply = reply
        self._is_head_request = is_head_request
        self.is_complete = False
        self.is_reusable = not is_head_request  # llhttp would take the next reply for the body of this one
        self.silent_bytes = 0

    def feed(self, data: bytes) -> None:
        """Raises Malformed, unless the reply was complete before the trouble began."""
        self.silent_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            if not self.is_complete:
                cause = error.__context__
                raise Malformed(str(cause) if isinstance(cause, Malformed) else str(error).lower()) from None
            self.is_reusable = False
        if self.silent_bytes > self._max_head_bytes and not self.is_complete:
            raise self._over_bound()

    @property
    def is_delimited(self) -> bool:
        """The head says where the body ends; otherwise it ends with the connection."""
        head = self._reply.head
        return head.get(b"content-length") is not None or head.get(b"transfer-encoding") is not None

    def close(self) -> None:
        self._parser = None  # it holds our methods, and we hold it

    # httptools calls these

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise Malformed("bytes after the reply's end")
        self._headers = []
        self._head_left = self._max_head_bytes

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        value = value.strip()
        self._head_left -= len(name) + len(value) + HEADER_OVERHEAD
        if self._head_left < 0:
            raise self._over_bound()
        self._headers.append((name, value))
        if name in _NOTED:
            self._note(name, value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            if status < 100 or status == 101:
                raise Malformed(f"status {status:03}")
            return
        if self._is_first:
            self._is_first = False
            version = self._parser.get_http_version()
            if version not in ("1.1", "1.0"):
                raise Malformed(f"HTTP version {version}")
        reply = self._reply
        reply.head = HttpHead(status, self._headers)
        reply.has_head = True
        self._headers = []  # trailers go here, where nobody reads them
        if self._is_head_request:
            self.is_complete = True
            raise Malformed("whatever follows the head of a reply to HEAD")

    def on_body(self, body: bytes) -> None:
        self.silent_bytes = 0
        reply = self._reply
        reply.chunks.append(body)
        reply.buffered += len(body)

    def on_message_complete(self) -> None:
        if not self._reply.has_head:
            self.silent_bytes = 0
            return
        self.is_complete = True
        if not self._parser.should_keep_alive():
            self.is_reusable = False

    def _note(self, name: bytes, value: bytes) -> None:
        reply = self._reply
        if name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise Malformed("a transfer encoding other than chunked")
        elif name == b"keep-alive":
            _, found, seconds = value.lower().partition(b"timeout=")
            digits = seconds.partition(b",")[0].strip()[:9]
            if found and digits.isdigit():
                self.keepalive_s = float(digits)
        elif not reply.has_head:
            reply.coding = value.lower() if reply.coding is None else reply.coding + b", " + value.lower()

    def _over_bound(self) -> Malformed:
        return Malformed(f"its head or trailers are over {self._max_head_bytes} bytes")
