"""One exchange: what goes out, and what comes back."""

from __future__ import annotations

import pytest

from gateway.core.errors import Reason
from tests.upstream import (
    Loop,
    ScriptedUpstream,
    Send,
    chunk,
    chunked,
    close,
    half_close,
    read_request,
    reply,
    reset,
    turn,
)
from tests.wire.asking import ask, ask_whole, fails, whole

CHUNKED = chunked(b"hello ", b"w", b"orld", headers=(b"Content-Type: text/event-stream", b"X-Empty:"))


async def test_the_request_goes_out_with_host_length_and_its_own_headers(connector):
    async with ScriptedUpstream([read_request, Send(reply(b"{}"))]) as upstream:
        await ask(connector, upstream.origin, b'{"a": 1}', headers=[(b"authorization", b"Bearer k")])
        port = b"%d" % upstream.origin.port
    assert upstream.requests[0].head == (
        b"POST /v1/chat HTTP/1.1\r\nhost: 127.0.0.1:" + port + b"\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer k\r\naccept-encoding: identity\r\ncontent-length: 8\r\n\r\n"
    )
    assert upstream.requests[0].body == b'{"a": 1}'


async def test_a_request_that_asks_for_a_coding_keeps_its_wish(connector):
    async with ScriptedUpstream([read_request, Send(reply())]) as upstream:
        await ask(connector, upstream.origin, headers=[(b"accept-encoding", b"gzip")])
    assert upstream.requests[0].head.count(b"accept-encoding: ") == 1


async def test_a_get_without_a_body_says_nothing_of_its_length(connector):
    async with ScriptedUpstream([read_request, Send(reply(b"[]"))]) as upstream:
        assert await ask_whole(connector, upstream.origin, b"", method=b"GET") == b"[]"
    assert b"content-length" not in upstream.requests[0].headers


async def test_header_names_come_in_lower_case_and_values_without_blanks(connector):
    async with ScriptedUpstream(
        [read_request, Send(reply(b"ok", 201, b"X-Request-ID:  a B\t ", b"X-None:"))]
    ) as upstream:
        head = (await ask(connector, upstream.origin)).head
    assert head.status == 201
    assert list(head.headers) == [(b"x-request-id", b"a B"), (b"x-none", b""), (b"content-length", b"2")]


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500, 599, 999])
async def test_whatever_the_status_the_reply_is_given(connector, status):
    async with ScriptedUpstream(
        [read_request, Send(b"HTTP/1.1 %d Odd\r\ncontent-length: 0\r\n\r\n" % status)]
    ) as upstream:
        answer = await ask(connector, upstream.origin)
        assert (answer.head.status, await whole(answer)) == (status, b"")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 40\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n",
    ],
)
async def test_statuses_without_a_body_end_with_their_head(connector, head):
    async with ScriptedUpstream([Loop([read_request, Send(head)])]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b""
        assert await ask_whole(connector, upstream.origin) == b""
        assert upstream.ever == 1


async def test_a_reply_to_head_ends_with_its_head_whatever_length_it_tells(connector):
    async with ScriptedUpstream([read_request, Send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n")]) as upstream:
        assert await ask_whole(connector, upstream.origin, b"", method=b"HEAD") == b""
        assert await ask_whole(connector, upstream.origin, b"", method=b"HEAD") == b""
        assert upstream.ever == 2


async def test_a_body_without_a_length_ends_with_the_connection(connector):
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"
    async with ScriptedUpstream([read_request, Send(head + b"some"), turn, Send(b" text"), close]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"some text"


async def test_a_half_closed_connection_ends_such_a_body_too(connector):
    async with ScriptedUpstream([read_request, Send(b"HTTP/1.1 200 OK\r\n\r\nall"), half_close]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"all"


async def test_a_broken_connection_does_not_end_such_a_body(connector):
    script = [read_request, Send(b"HTTP/1.1 200 OK\r\n\r\npart"), turn, turn, reset]
    async with ScriptedUpstream(script) as upstream:
        answer = await ask(connector, upstream.origin)
        assert await answer.read() == b"part"
        await fails(answer.read(), Reason.CLOSED)


async def test_interim_replies_are_skipped_with_their_headers(connector):
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"
    async with ScriptedUpstream([read_request, Send(interim), turn, Send(interim + reply(b"real"))]) as upstream:
        answer = await ask(connector, upstream.origin)
        assert (answer.head.status, answer.head.get(b"link")) == (200, None)
        assert await whole(answer) == b"real"


async def test_trailers_are_no_headers_and_no_body(connector):
    data = CHUNKED.removesuffix(b"\r\n") + b"X-Checksum: 1\r\nX-Empty:\r\n\r\n"
    async with ScriptedUpstream([Loop([read_request, Send(data)])]) as upstream:
        answer = await ask(connector, upstream.origin)
        assert await whole(answer) == b"hello world"
        assert answer.head.get(b"x-checksum") is None
        assert await ask_whole(connector, upstream.origin) == b"hello world"
        assert upstream.ever == 1


async def test_chunk_extensions_mean_nothing(connector):
    data = CHUNKED.replace(b"6\r\nhello ", b'6;name="value"\r\nhello ')
    async with ScriptedUpstream([read_request, Send(data)]) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"hello world"


@pytest.mark.parametrize("data", [CHUNKED, reply(b"hello world"), b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED])
async def test_where_the_network_cuts_a_reply_makes_no_difference(connector, data):
    steps = []
    for cut in range(1, len(data)):
        steps += [read_request, Send(data[:cut]), turn, Send(data[cut:])]
    async with ScriptedUpstream(steps) as upstream:
        for _ in range(1, len(data)):
            answer = await ask(connector, upstream.origin)
            assert answer.head.status == 200
            assert await whole(answer) == b"hello world"
        assert upstream.ever == 1


async def test_a_reply_may_come_byte_by_byte(connector):
    async with ScriptedUpstream([Loop([read_request, Send(CHUNKED, piece=1)])]) as upstream:
        for _ in range(3):
            assert await ask_whole(connector, upstream.origin) == b"hello world"


@pytest.mark.parametrize("data", [CHUNKED, reply(b"hello world")])
async def test_a_reply_that_is_cut_short_is_never_taken_for_whole(connector, data):
    scripts = [[read_request, Send(data[:cut]), close] for cut in range(len(data))]
    async with ScriptedUpstream(*scripts) as upstream:
        for _ in scripts:
            await fails(ask_whole(connector, upstream.origin), Reason.CLOSED)
        assert connector.open_connections == 0


async def test_what_came_before_a_break_is_read_before_it_is_told(connector):
    async with ScriptedUpstream([read_request, Send(CHUNKED[:-5]), close]) as upstream:
        answer = await ask(connector, upstream.origin)
        await upstream.closed()
        assert await answer.read() == b"hello world"
        for _ in range(2):
            error = await fails(answer.read(), Reason.CLOSED)
            assert error.message == "the connection was closed before the reply was whole"


async def test_after_the_end_reading_goes_on_to_give_nothing(connector):
    async with ScriptedUpstream([read_request, Send(reply(b"x"))]) as upstream:
        answer = await ask(connector, upstream.origin)
        assert [await answer.read() for _ in range(3)] == [b"x", b"", b""]
        answer.abort()
        assert await answer.read() == b""
        assert connector.idle_connections == 1


async def test_events_are_given_as_they_come(connector):
    events = [b"data: %d\n\n" % number for number in range(20)]
    script = [read_request, Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")]
    for event in events:
        script += [turn, Send(chunk(event))]
    async with ScriptedUpstream([*script, Send(b"0\r\n\r\n")]) as upstream:
        answer = await ask(connector, upstream.origin)
        first = await answer.read()
        assert first.startswith(events[0])
        assert len(first) < sum(map(len, events))
        assert first + await whole(answer) == b"".join(events)


async def test_an_abort_closes_at_once_and_fails_the_next_read(connector):
    async with ScriptedUpstream([read_request, Send(CHUNKED[:-5])]) as upstream:
        answer = await ask(connector, upstream.origin)
        await answer.read()
        answer.abort()
        answer.abort()
        await upstream.closed()
        await fails(answer.read(), Reason.CLOSED)
        assert connector.open_connections == 0
