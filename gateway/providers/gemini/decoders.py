"""The two ways that a reply comes: one JSON object, or server-sent events that each hold one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway.core.body import NOT_JSON
from gateway.core.errors import Reason, UpstreamError
from gateway.core.exchange import Framing
from gateway.core.types import Event
from gateway.providers.base import WholeDecoder
from gateway.providers.client.writer import Writer
from gateway.providers.gemini.reply import Chunk, Reader, unreadable
from gateway.providers.sse_data import sse_data

_chunk = msgspec.json.Decoder(Chunk).decode
_chunks = msgspec.json.Decoder(list[Chunk]).decode


class WholeReply(WholeDecoder):
    """One object; or a list of a stream's, as it comes where ``alt=sse`` got lost on the way."""

    def __init__(self, writer: Writer, name: str, secrets: Sequence[str]) -> None:
        self._writer = writer
        self._reader = Reader(writer, name, secrets)

    def decode(self, frame: bytes) -> Sequence[Event]:
        for chunk in _read(frame):
            self._reader.read(chunk)
        self._has_come = True
        self._reader.close()
        return self._writer.take()


class Stream:
    """There is no closing mark: a stream whose last chunk said why it ended is whole when the body ends."""

    framing: Framing = "sse"

    def __init__(self, writer: Writer, name: str, secrets: Sequence[str]) -> None:
        self._writer = writer
        self._reader = Reader(writer, name, secrets)

    def decode(self, frame: bytes) -> Sequence[Event]:
        data = _data(frame)
        if not data:
            return ()
        for chunk in _read(data):
            self._reader.read(chunk)
        return self._writer.take()

    def finish(self) -> Sequence[Event]:
        if not self._reader.has_ended:
            raise UpstreamError(Reason.CLOSED, "the provider's stream ended before the reply was complete")
        self._reader.close()
        return self._writer.take()


def _read(data: bytes) -> Sequence[Chunk]:
    try:
        if data[:1] == b"[":
            # OpenAI's closing mark, which proxies add, is no list.
            return () if data.rstrip() == b"[DONE]" else _chunks(data)
        return (_chunk(data),)
    except NOT_JSON as error:
        raise unreadable() from error


def _data(frame: bytes) -> bytes:
    """The data of one event. An error in mid-stream may come as bare JSON, without ``data:``."""
    if data := sse_data(frame):
        return data
    bare = frame.strip()
    return bare if bare[:1] in (b"{", b"[") else b""
