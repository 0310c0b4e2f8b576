"""What is no HTTP at all."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.serving import serving

CONFIG = {
    "providers": {"sim": {"kind": "simulator", "price": "free"}},
    "models": {"m": {"targets": ["sim/sim-chat"]}},
}


@pytest.mark.parametrize(
    "sent", [b"garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/models HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
)
async def test_it_is_answered_with_an_error_object_and_the_connection_is_closed(sent):
    async with serving(CONFIG) as gateway:
        host, port = gateway.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)

        head, _, body = (await reader.read()).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 400 ")
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
        writer.close()
