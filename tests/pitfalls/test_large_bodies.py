"""Pitfalls 4 and 5: large bodies. bench/large_body.py measures what they cost in time; here is why it is little."""

from __future__ import annotations

import base64
import json
import random
import tracemalloc
from collections.abc import Iterator

import pytest

from gateway.catalog.tokens import LOOK_BYTES
from gateway.core.types import Caller, Target
from gateway.edge.asking import Asking
from gateway.edge.body import json_object, read_whole
from gateway.edge.chat import chat_call
from gateway.edge.form import read_form
from gateway.providers import registry
from gateway.providers.base import Account
from tests.client import CHAT, Client
from tests.faults.scene import one_model
from tests.serving import serving
from tests.upstream import ScriptedUpstream, Send, read_request, reply

MB = 1_000_000
PIECE = 64 * 1024
TARGET = Target(id="a/s", provider="a", model="s")
DIALECT = registry.dialect(Account(name="a", kind="openai", base_url="http://127.0.0.1:1/v1"))


def with_images(size: int, count: int = 4) -> bytes:
    picture = base64.b64encode(random.Random(1).randbytes(size // count * 3 // 4)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    content = [{"type": "text", "text": "what do they show?"}, *[part] * count]
    return json.dumps({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": content}]}).encode()


def receiving(body: bytes):
    """ASGI's ``receive`` for a body that comes in pieces."""
    starts: Iterator[int] = iter(range(0, len(body), PIECE))

    async def receive():
        start = next(starts)
        return {"type": "http.request", "body": body[start : start + PIECE], "more_body": start + PIECE < len(body)}

    return receive


async def test_4_a_large_body_is_held_once_and_sent_from_where_it_lies():
    body = with_images(20 * MB)
    receive = receiving(body)
    tracemalloc.start()
    raw = await read_whole(receive, content_length=len(body), max_bytes=64 * MB)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    call = chat_call(Asking("id", Caller(key="k"), 0.0, {"m"}), json_object(raw))
    request = DIALECT.encode(call, TARGET)
    pieces = list(request.body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 1.2 * len(body)
    assert most - held < MB, "reading, measuring and encoding it copies none of it"
    assert max(len(piece) for piece in pieces if not isinstance(piece, memoryview)) < PIECE
    assert sum(len(piece) for piece in pieces if isinstance(piece, memoryview)) > 20 * MB
    assert json.loads(b"".join(pieces)) == {**json.loads(body), "model": "s"}
    assert [bytes(piece) for piece in request.body] == [bytes(piece) for piece in pieces], "again for the next target"


async def test_4_a_large_form_waits_on_disk():
    picture = random.Random(1).randbytes(20 * MB)
    head = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body = head + picture + b"\r\n--B--\r\n"
    receive = receiving(body)

    async def pieces():
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            yield message["body"]

    tracemalloc.start()
    form = await read_form(pieces(), b"multipart/form-data; boundary=B", spool_bytes=MB)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 4 * MB
    assert b"".join(form.files[0]) == picture
    form.close()


@pytest.mark.parametrize("size", [3 * MB, 20 * MB])
async def test_4_a_large_body_arrives_as_it_was_sent(size):
    body = with_images(size)
    done = b'{"choices":[{"index":0,"message":{"role":"assistant","content":"a sea"},"finish_reason":"stop"}]}'
    script = [read_request, Send(reply(done, 200, b"content-type: application/json"))]
    async with (
        ScriptedUpstream(script) as upstream,
        serving(one_model(f"{upstream.url}/v1")) as gateway,
        Client(gateway.url) as client,
    ):
        answer = await client.ask(CHAT, body)

    assert answer.status == 200
    assert json.loads(upstream.requests[0].body) == {**json.loads(body), "model": "s"}
    assert gateway.outcomes[0].usage.input < 1_000, "images are not counted as text"


async def test_4_a_body_over_the_bound_is_refused_before_it_is_read():
    config = one_model("http://127.0.0.1:9/v1", server={"max_body_mb": 1})
    async with serving(config) as gateway, Client(gateway.url) as client:
        client.send(CHAT, b"{", length=2 * MB)
        answer = await client.answer()

    assert (answer.status, answer.code) == (413, "request_too_large")


def test_5_of_a_long_text_only_the_beginning_is_looked_into():
    text = json.dumps({"model": "m", "messages": [{"role": "user", "content": "words " * (10 * LOOK_BYTES // 6)}]})
    raw = bytearray(text.encode())
    body = json_object(raw)
    tracemalloc.start()
    call = chat_call(Asking("id", Caller(key="k"), 0.0, {"m"}), body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 2 * LOOK_BYTES
    assert call.needs.input_tokens_max >= len(raw) - 100, "all of it counts"
