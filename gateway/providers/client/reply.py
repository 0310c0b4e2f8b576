"""Which writer a call's reply is for."""

from __future__ import annotations

from gateway.core.types import Call, Endpoint, Target
from gateway.providers.client.chunk_writer import ChunkWriter
from gateway.providers.client.image_request import image_line
from gateway.providers.client.image_writer import ImageWriter
from gateway.providers.client.message_writer import MessageWriter
from gateway.providers.client.writer import Writer


def writer_for(call: Call, target: Target, *, time: float) -> Writer:
    """A fresh writer for one reply of ``target`` to ``call``. ``time`` is now, in epoch seconds."""
    line = image_line(call, target)
    if call.endpoint is not Endpoint.CHAT:
        return ImageWriter(call, created=int(time), image_line=line)
    write = ChunkWriter if call.stream else MessageWriter
    return write(id=f"chatcmpl-{call.id}", model=target.model, created=int(time), image_line=line)
