"""Bodies of requests: cut, joined, held back by the provider, or wrong."""

from __future__ import annotations

import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.body import FormFile
from gateway.core.errors import Reason
from gateway.core.exchange import Pieces
from gateway.wire.upload import SLICE_BYTES, BadPayload, slices
from tests.upstream import (
    Go,
    Loop,
    ScriptedUpstream,
    Send,
    Wait,
    chunked,
    close,
    read_head,
    read_request,
    reply,
    stop,
)
from tests.wire.asking import ask, ask_whole, fails, turns, until, whole


class Payload:
    """One whose length may be a lie, and whose pieces may fail."""

    def __init__(self, length, *pieces):
        self.length = length
        self.pieces = pieces

    def __iter__(self):
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


@given(st.lists(st.integers(0, 3 * SLICE_BYTES), max_size=8))
def test_slices_are_the_payload_in_writes_of_a_sensible_size(sizes):
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    cut = list(slices(b"head", Pieces(*pieces)))
    assert b"".join(cut) == b"head" + b"".join(pieces)
    assert all(len(slice_) <= 2 * SLICE_BYTES for slice_ in cut)


def test_a_large_piece_is_cut_without_a_copy():
    piece = bytearray(b"x" * 5 * SLICE_BYTES)
    cut = list(slices(b"head", Pieces(piece)))
    assert [slice_.obj is piece for slice_ in cut[1:]] == [True] * 5


@pytest.mark.parametrize("length", [4, 6])
def test_a_payload_of_another_length_than_promised_is_refused(length):
    with pytest.raises(BadPayload):
        list(slices(b"", Payload(length, b"hello")))


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000, 20_000_000])
async def test_a_body_of_any_size_arrives(connector, size):
    body = Pieces(b"[", b"x" * size, memoryview(b"y" * 100), b"]")
    async with ScriptedUpstream([Loop([read_request, Send(reply(b"fine"))])]) as upstream:
        for _ in range(2):
            assert await ask_whole(connector, upstream.origin, body) == b"fine"
        assert upstream.ever == 1
    assert [request.body for request in upstream.requests] == [b"".join(body)] * 2


async def test_a_file_on_disk_arrives(connector):
    data = bytes(range(256)) * 4_000
    file = FormFile("image", "a.png", "image/png", io.BytesIO(data), len(data))

    class Form:
        length = len(data)

        def __iter__(self):
            return iter(file)

    async with ScriptedUpstream([read_request, Send(reply(b"fine"))]) as upstream:
        assert await ask_whole(connector, upstream.origin, Form()) == b"fine"
    assert upstream.requests[0].body == data


async def test_no_more_is_handed_to_the_event_loop_than_the_provider_takes(connector):
    taken = 0

    class Counted:
        length = 64_000_000

        def __iter__(self):
            nonlocal taken
            for _ in range(64):
                taken += 1
                yield b"x" * 1_000_000

    gate = asyncio.Event()
    async with ScriptedUpstream([read_head, stop, Wait(gate), Go(), Wait(asyncio.Event())]) as upstream:
        task = asyncio.create_task(ask(connector, upstream.origin, Counted()))
        await until(lambda: upstream.requests)
        await turns(200)
        assert 0 < taken < 32  # the kernel's buffers take their share
        gate.set()
        connection = upstream.connections[0]
        await until(lambda: connection.total_received > 64_000_000)
        connection.transport.write(reply(b"fine"))
        assert await whole(await task) == b"fine"


@pytest.mark.parametrize("answer", [reply(b"too large", 413), chunked(b"too large").replace(b"200 OK", b"413 No")])
async def test_a_refusal_that_comes_before_the_body_is_sent_is_the_reply(connector, answer):
    async with ScriptedUpstream([read_head, stop, Send(answer)], [read_request, Send(reply(b"fine"))]) as upstream:
        refused = await ask(connector, upstream.origin, Pieces(b"x" * 40_000_000))
        assert refused.head.status == 413
        assert await whole(refused) == b"too large"
        await until(lambda: not connector.open_connections)
        assert await ask_whole(connector, upstream.origin) == b"fine"


async def test_a_refusal_whose_body_comes_later_is_read_to_its_end(connector):
    gate = asyncio.Event()
    first, second = reply(b"too large", 413)[:-5], b"large"
    async with ScriptedUpstream([read_head, stop, Send(first), Wait(gate), Send(second)]) as upstream:
        refused = await ask(connector, upstream.origin, Pieces(b"x" * 40_000_000))
        assert await refused.read() == b"too "
        gate.set()
        assert await whole(refused) == b"large"
        await until(lambda: not connector.open_connections)


async def test_a_provider_may_begin_to_answer_while_it_still_reads(connector):
    size = 10_000_000
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    script = [read_head, stop, Send(head), Go(), Wait(asyncio.Event())]
    async with ScriptedUpstream(script) as upstream:
        answer = await ask(connector, upstream.origin, Pieces(b"x" * size))
        connection = upstream.connections[0]
        await until(lambda: connection.total_received > size)
        connection.transport.write(b"fine")
        assert await whole(answer) == b"fine"
        assert connector.idle_connections == 1


@pytest.mark.parametrize("size", [10, 10_000_000])
@pytest.mark.parametrize("off", [-1, 1])
async def test_a_body_of_another_length_than_promised_ends_the_exchange(connector, size, off):
    async with ScriptedUpstream([read_request, Send(reply(b"no"))]) as upstream:
        body = Payload(size + off, b"x" * size)
        error = await fails(ask_whole(connector, upstream.origin, body), Reason.CLOSED)
        assert error.message == "the request's body has not the length it promised"
        await upstream.closed()
        assert upstream.requests == []


@pytest.mark.parametrize("size", [10, 10_000_000])
async def test_a_body_that_can_not_be_read_ends_the_exchange(connector, size):
    async with ScriptedUpstream([read_request, Send(reply(b"no"))]) as upstream:
        body = Payload(2 * size, b"x" * size, OSError("disk"))
        error = await fails(ask_whole(connector, upstream.origin, body), Reason.CLOSED)
        assert error.message == "the request's body could not be read"
        await upstream.closed()


async def test_a_provider_that_goes_while_the_body_is_sent_ends_the_exchange(connector):
    async with ScriptedUpstream([read_head, stop, close]) as upstream:
        await fails(ask(connector, upstream.origin, Pieces(b"x" * 40_000_000)), Reason.CLOSED)
        await until(lambda: not connector.open_connections)


async def test_a_fast_provider_gets_no_more_than_the_client_reads(connector):
    """Back-pressure the other way: what is not read is not received."""
    size = 64_000_000
    script = [read_request, Send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size), Send(b"x" * size, 65_536)]
    async with ScriptedUpstream(script) as upstream:
        answer = await ask(connector, upstream.origin)
        connection = upstream.connections[0]
        await connection.is_stuck.wait()
        await turns(50)
        assert connection.total_sent < size // 2
        assert answer.buffered < 1_000_000
        assert len(await whole(answer)) == size
        assert connector.idle_connections == 1
