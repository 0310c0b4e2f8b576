"""Replies that come compressed although nobody asked."""

from __future__ import annotations

import gzip
import zlib

import pytest

from gateway.core.errors import Reason
from gateway.wire.content_coding import INFLATED_BYTES
from tests.upstream import Loop, ScriptedUpstream, Send, chunked, close, read_request, reply
from tests.wire.asking import ask, ask_whole, fails, whole

TEXT = b"".join(b"data: %d\n\n" % number for number in range(1_500))


def bare_deflate(data):
    coder = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return coder.compress(data) + coder.flush()


CODINGS = [
    (b"gzip", gzip.compress(TEXT)),
    (b"GZip", gzip.compress(TEXT)),
    (b"x-gzip", gzip.compress(TEXT)),
    (b"gzip", gzip.compress(TEXT[:700]) + gzip.compress(TEXT[700:])),
    (b"deflate", zlib.compress(TEXT)),
    (b"deflate", bare_deflate(TEXT)),
]


@pytest.mark.parametrize(("coding", "body"), CODINGS)
async def test_it_is_inflated_and_its_head_says_so(connector, coding, body):
    data = reply(body, 200, b"content-encoding: " + coding, b"x-other: kept")
    async with ScriptedUpstream([Loop([read_request, Send(data)])]) as upstream:
        answer = await ask(connector, upstream.origin)
        assert list(answer.head.headers) == [(b"x-other", b"kept")]
        assert await whole(answer) == TEXT
        assert await answer.read() == b""
        assert await ask_whole(connector, upstream.origin) == TEXT
        assert upstream.ever == 1


@pytest.mark.parametrize(("coding", "body"), CODINGS)
async def test_where_it_is_cut_makes_no_difference(connector, coding, body):
    data = chunked(*(body[at : at + 1] for at in range(len(body))), headers=[b"content-encoding: " + coding])
    async with ScriptedUpstream([read_request, Send(data, piece=11)]) as upstream:
        assert await ask_whole(connector, upstream.origin) == TEXT


@pytest.mark.parametrize("coding", [b"identity", b""])
async def test_no_coding_under_another_name_is_left_alone(connector, coding):
    async with ScriptedUpstream([read_request, Send(reply(b"plain", 200, b"content-encoding: " + coding))]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"plain"


@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip"])
async def test_a_coding_that_we_do_not_know_is_refused(connector, coding):
    async with ScriptedUpstream([read_request, Send(reply(b"????", 200, b"content-encoding: " + coding))]) as upstream:
        error = await fails(ask(connector, upstream.origin), Reason.PROTOCOL)
        assert coding.decode() in error.message


@pytest.mark.parametrize("body", [b"not compressed at all", gzip.compress(TEXT) + b"garbage after it"])
async def test_a_body_that_can_not_be_inflated_is_refused(connector, body):
    async with ScriptedUpstream([read_request, Send(reply(body, 200, b"content-encoding: gzip"))]) as upstream:
        await fails(ask_whole(connector, upstream.origin), Reason.PROTOCOL)


async def test_a_body_that_ends_too_early_is_never_taken_for_whole(connector):
    body = gzip.compress(TEXT)
    scripts = [
        [read_request, Send(reply(body[:cut], 200, b"content-encoding: gzip")), close]
        for cut in range(1, len(body), len(body) // 50)
    ]
    async with ScriptedUpstream(*scripts) as upstream:
        for _ in scripts:
            await fails(ask_whole(connector, upstream.origin), Reason.CLOSED)


async def test_a_bomb_is_inflated_piece_by_piece(connector):
    size = 20_000_000
    async with ScriptedUpstream(
        [read_request, Send(reply(gzip.compress(bytes(size)), 200, b"content-encoding: gzip"))]
    ) as upstream:
        answer = await ask(connector, upstream.origin)
        seen = 0
        while piece := await answer.read():
            assert len(piece) <= INFLATED_BYTES
            seen += len(piece)
        assert seen == size


@pytest.mark.parametrize("status", [200, 204])
async def test_an_empty_body_needs_no_inflating(connector, status):
    async with ScriptedUpstream([read_request, Send(reply(b"", status, b"content-encoding: gzip"))]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b""


async def test_it_can_be_given_up(connector):
    body = gzip.compress(TEXT)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with ScriptedUpstream([read_request, Send(head + body[:-1])]) as upstream:
        answer = await ask(connector, upstream.origin)
        await answer.read()
        answer.abort()
        await upstream.closed()
