"""Replies that are no HTTP, or too much of it."""

from __future__ import annotations

import pytest

from gateway.core.errors import Reason
from gateway.wire.connector import Connector
from tests.upstream import Loop, ScriptedUpstream, Send, chunked, read_request, reply, turn
from tests.wire.asking import ask, ask_whole, fails, turns, whole

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"<html>no HTTP at all</html>",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 2OO OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/3.7 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        OK + b"no colon\r\n\r\n",
        OK + b"bad name: x\r\n\r\n",
        OK + b"folded: a\r\n b\r\ncontent-length: 0\r\n\r\n",
        OK + b"zero: a\0b\r\ncontent-length: 0\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: +2\r\n\r\nok",
        OK + b"content-length: 2, 2\r\n\r\nok",
        OK + b"content-length: 0x2\r\n\r\nok",
        OK + b"content-length:\r\n\r\nok",
        OK + b"content-length: 99999999999999999999999\r\n\r\nok",
        OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: identity\r\n\r\nok",
        OK + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        CHUNKED + b"g\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
        CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
        CHUNKED + b"\r\n\r\n",
        CHUNKED + b"1\na\n0\n\n",
        CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
    ],
)
@pytest.mark.parametrize("piece", [None, 1])
async def test_a_malformed_reply_is_refused_and_its_connection_closed(connector, data, piece):
    async with ScriptedUpstream([read_request, Send(data, piece)]) as upstream:
        error = await fails(ask_whole(connector, upstream.origin), Reason.PROTOCOL)
        assert error.message.startswith("the provider's reply is not valid HTTP: ")
        await upstream.closed()
        assert connector.open_connections == 0


@pytest.mark.parametrize(
    "data",
    [
        OK + b"x: " + b"y" * 5_000 + b"\r\n\r\n",
        OK + b"y" * 5_000 + b": x\r\n\r\n",
        b"HTTP/1.1 200 " + b"O" * 5_000 + b"K\r\n\r\n",
        OK + b"".join(b"x%d: y\r\n" % number for number in range(200)) + b"\r\n",
        b"\r\n" * 2_500,
        CHUNKED + b"1;" + b"x" * 5_000 + b"\r\na\r\n",
        CHUNKED + b"1\r\na\r\n0\r\nx: " + b"y" * 5_000 + b"\r\n\r\n",
        CHUNKED + b"1\r\na\r\n0\r\n" + b"x: y\r\n" * 2_000 + b"\r\n",
    ],
    ids=["value", "name", "words", "many", "blank lines", "extension", "trailer", "trailers"],
)
async def test_a_head_without_bound_is_refused_however_slowly_it_comes(clock, data):
    connector = Connector(clock=clock, max_head_bytes=4_096)
    async with ScriptedUpstream([read_request, Send(data, piece=512)]) as upstream:
        error = await fails(ask_whole(connector, upstream.origin), Reason.PROTOCOL)
        assert "over 4096 bytes" in error.message
    await connector.aclose()


async def test_a_head_just_under_the_bound_is_taken(connector):
    async with ScriptedUpstream(
        [read_request, Send(reply(b"ok", 200, b"x: " + b"y" * 60_000), piece=7_000)]
    ) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"ok"


async def test_a_long_body_is_no_long_head(connector):
    chunks = [b"x" * 1_000] * 300
    async with ScriptedUpstream([read_request, Send(chunked(*chunks), piece=900)]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"".join(chunks)


@pytest.mark.parametrize("extra", [b"H", b"garbage", reply(b"another"), b"\0"])
@pytest.mark.parametrize("data", [reply(b"first"), chunked(b"first"), b"HTTP/1.1 204 None\r\n\r\n"])
async def test_bytes_after_a_reply_never_become_the_next_one(connector, data, extra):
    async with ScriptedUpstream([read_request, Send(data + extra)], [read_request, Send(reply(b"second"))]) as upstream:
        assert await ask_whole(connector, upstream.origin) in (b"first", b"")
        assert await ask_whole(connector, upstream.origin) == b"second"
        assert upstream.ever == 2


async def test_bytes_that_nobody_asked_for_close_an_idle_connection(connector):
    async with ScriptedUpstream([read_request, Send(reply(b"first")), turn, Send(reply(b"408"))]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"first"
        await upstream.closed()
        await turns()
        assert (connector.open_connections, connector.idle_connections) == (0, 0)


async def test_a_good_head_is_given_before_the_bad_body_after_it(connector):
    async with ScriptedUpstream([read_request, Send(CHUNKED + b"2\r\nok\r\nzz\r\n")]) as upstream:
        answer = await ask(connector, upstream.origin)
        assert answer.head.status == 200
        assert await answer.read() == b"ok"
        await fails(whole(answer), Reason.PROTOCOL)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        (b"/v1\r\nx: y", b"fine"),
        (b"/v1 HTTP/1.1", b"fine"),
        (b"/v1", b"a\r\nx-evil: b"),
        (b"/v1", b"a\nb"),
        (b"/v1", b"a\rb"),
        (b"/v1", b"a\0b"),
    ],
)
async def test_a_request_that_would_break_out_of_its_line_is_never_sent(connector, path, header):
    async with ScriptedUpstream([Loop([read_request, Send(reply())])]) as upstream:
        work = ask(connector, upstream.origin, path=path, headers=[(b"x-name", header)])
        await fails(work, Reason.PROTOCOL)
        assert upstream.ever == 0
