"""``GET /v1/media/<name>?expires=…&signature=…``: a picture, to whoever has a good link to it. No key is asked for."""

from __future__ import annotations

import asyncio
from typing import BinaryIO

from gateway.core.body import CHUNK
from gateway.core.errors import CallError, MethodNotAllowed
from gateway.edge.asgi import JSON, Headers, Receive, Scope, Send, send_whole
from gateway.edge.hangup import until_hangup
from gateway.media.store import PATH, MediaStore, Picture

LONGEST_S = 300.0
"""What a client has to take a picture in."""
_GUARDS: Headers = [
    # A browser takes it for nothing but a picture, and runs nothing that might be in it.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"content-disposition", b"inline"),
    (b"referrer-policy", b"no-referrer"),
]


async def serve_media(store: MediaStore, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request for a picture."""
    try:
        if scope["method"] not in ("GET", "HEAD"):
            said = f"{PATH} takes GET, not {scope['method']}"
            raise MethodNotAllowed(said, headers=[("allow", "GET, HEAD")])
        name = scope["path"].removeprefix(PATH)
        picture = await asyncio.to_thread(store.find, name, scope["query_string"].decode("latin-1"))
    except CallError as error:
        headers = [JSON, (b"cache-control", b"no-store")]
        headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in error.headers]
        await send_whole(send, error.status, headers, error.body())
        return
    with picture.file:
        await until_hangup(receive, _send(picture, send, has_body=scope["method"] == "GET"), longest_s=LONGEST_S)


async def _send(picture: Picture, send: Send, *, has_body: bool) -> None:
    size = await asyncio.to_thread(_size, picture.file)
    headers = [
        (b"content-type", picture.type.encode("ascii")),
        (b"content-length", b"%d" % size),
        # Whoever has the link may see it, and no longer than it holds: no cache that others share.
        (b"cache-control", b"private, max-age=%d, immutable" % picture.left_s),
        *_GUARDS,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while has_body and size > 0:
        # In pieces, so that a slow client holds no more than one.
        data = await asyncio.to_thread(picture.file.read, min(CHUNK, size))
        if not data:
            raise OSError("a picture ended early")
        size -= len(data)
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size
