"""Whatever a provider sends: a reply or an UpstreamError, never anything else, and never a hang."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Reason, UpstreamError
from gateway.wire.connector import Connector
from tests.clock import FrozenClock
from tests.upstream import ScriptedUpstream, Send, chunk, close, read_request, reply, turn
from tests.wire.asking import ask, whole

SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """One loop for all examples of a test: a new one each would cost more than the example."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


async def outcome(*steps):
    """What comes of these bytes, and that nothing is left open."""
    connector = Connector(clock=FrozenClock(), max_head_bytes=8_192)
    async with ScriptedUpstream([read_request, *steps, close]) as upstream:
        try:
            answer = await asyncio.wait_for(ask(connector, upstream.origin), 10)
            head = (answer.head.status, list(answer.head.headers))
            return (*head, await asyncio.wait_for(whole(answer), 10))
        except UpstreamError as error:
            return {Reason.PROTOCOL: "refused", Reason.CLOSED: "cut short"}[error.reason]
        finally:
            await asyncio.wait_for(connector.aclose(), 10)
            assert connector.open_connections == 0


def cut(data, marks):
    """``data`` as steps, cut at ``marks``."""
    places = [0, *sorted({mark % (len(data) + 1) for mark in marks}), len(data)]
    steps = []
    for start, end in pairwise(places):
        if start < end:
            steps += [Send(data[start:end]), turn]
    return steps


marks = st.lists(st.integers(0, 10_000), max_size=6)
fragments = st.sampled_from(
    [
        b"HTTP/1.1 ",
        b"HTTP/1.0 ",
        b"200 OK",
        b"204 None",
        b"100 Continue",
        b"101 Switch",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"content-length: 5\r\n",
        b"content-length: 0\r\n",
        b"content-length: ",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"content-encoding: gzip\r\n",
        b"keep-alive: timeout=",
        b"upgrade: h2c\r\nconnection: upgrade\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"0\r\n",
        b"ffffffffffffffff\r\n",
        b"x: y\r\n",
        b": ",
        b"\x00",
        b"\xff",
        b" ",
        b"hello",
    ]
)


@SETTINGS
@given(st.binary(max_size=300), marks)
def test_arbitrary_bytes(run, data, marks):
    run(outcome(*cut(data, marks)))


@SETTINGS
@given(st.lists(fragments, max_size=14).map(b"".join), marks)
def test_bytes_that_look_like_http(run, data, marks):
    run(outcome(*cut(b"HTTP/1.1 200 OK\r\n" + data, marks)))


@SETTINGS
@given(data=st.data())
def test_a_valid_reply_with_one_byte_changed(run, data):
    valid = bytearray(b"HTTP/1.1 200 OK\r\nX-One: 1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    valid[data.draw(st.integers(0, len(valid) - 1))] = data.draw(st.integers(0, 255))
    run(outcome(*cut(bytes(valid), data.draw(marks))))


names = st.text("abcXYZ-", min_size=1, max_size=10).map(lambda name: b"x" + name.encode())
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(str.encode)


@SETTINGS
@given(
    status=st.sampled_from([200, 201, 400, 404, 429, 500, 529]),
    headers=st.lists(st.tuples(names, values), max_size=5),
    body=st.lists(st.binary(max_size=50), max_size=6),
    is_chunked=st.booleans(),
    interim=st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n"]),
    marks=marks,
)
def test_a_valid_reply_comes_out_the_same_however_it_is_cut(run, *, status, headers, body, is_chunked, interim, marks):
    lines = [name + b": " + value for name, value in headers]
    if is_chunked:
        head = b"\r\n".join([b"HTTP/1.1 %d Word" % status, *lines, b"transfer-encoding: chunked"])
        data = head + b"\r\n\r\n" + b"".join(map(chunk, filter(None, body))) + b"0\r\n\r\n"
    else:
        data = reply(b"".join(body), status, *lines)
    got = run(outcome(*cut(interim + data, marks)))
    assert got[0] == status
    assert got[1][: len(headers)] == [(name.lower(), value) for name, value in headers]
    assert got[2] == b"".join(body)
