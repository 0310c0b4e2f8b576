"""Replies that come compressed although nobody asked for it."""

from __future__ import annotations

import zlib

from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import HttpHead, HttpReply

INFLATED_BYTES = 256 * 1024
"""The most that one read gives: a small reply may stand for gigabytes, and nobody holds them."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class Inflated:
    """An HttpReply whose body is inflated as it is read; its head no longer speaks of coding and length."""

    def __init__(self, reply: HttpReply) -> None:
        head = reply.head
        unfit = (b"content-encoding", b"content-length")
        self.head = HttpHead(head.status, [header for header in head.headers if header[0] not in unfit])
        self._reply = reply
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_begun = False
        self._left = b""
        """Bytes that came and were not yet inflated."""

    async def read(self) -> bytes:
        """See HttpReply. Raises UpstreamError (PROTOCOL) also for a body that can't be inflated."""
        while True:
            data = self._left or await self._reply.read()
            self._left = b""
            if not data:
                return self._end()
            while not self._is_begun and len(data) < 2:  # too little to tell zlib from a bare stream
                more = await self._reply.read()
                if not more:
                    break
                data += more
            inflated = self._inflate(data)
            if inflated:
                return inflated

    def abort(self) -> None:
        self._reply.abort()

    def _inflate(self, data: bytes) -> bytes:
        try:
            if self._inflater.eof:  # gzip files may be joined: RFC 1952, section 2.2
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
            try:
                inflated = self._inflater.decompress(data, INFLATED_BYTES)
            except zlib.error:
                if self._is_begun:
                    raise
                # "deflate" is zlib by RFC 9110, but some servers send the bare stream.
                self._inflater = zlib.decompressobj(_RAW)
                inflated = self._inflater.decompress(data, INFLATED_BYTES)
        except zlib.error as error:
            self._reply.abort()
            raise UpstreamError(Reason.PROTOCOL, "the reply's compressed body can't be read") from error
        self._is_begun = True
        self._left = self._inflater.unconsumed_tail or self._inflater.unused_data
        return inflated

    def _end(self) -> bytes:
        if self._is_begun and not self._inflater.eof:
            rest = self._inflater.flush()
            if not self._inflater.eof and not rest:
                raise UpstreamError(Reason.CLOSED, "the reply's compressed body was cut short")
            return rest
        return b""


def decoded(reply: HttpReply, coding: bytes) -> HttpReply:
    """``reply``, readable. Raises UpstreamError (PROTOCOL), and gives the reply up, for a coding that we don't know."""
    if coding in (b"gzip", b"x-gzip", b"deflate"):
        return Inflated(reply)
    if coding in (b"", b"identity"):
        return reply
    reply.abort()
    words = coding.decode("latin-1")[:40]
    raise UpstreamError(Reason.PROTOCOL, f"the reply has the content encoding {words!r}, which was not asked for")
