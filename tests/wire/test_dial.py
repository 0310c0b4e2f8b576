"""From names to connections."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason
from gateway.core.exchange import Origin
from gateway.wire.dial import interleaved, race
from tests.upstream import Loop, ScriptedUpstream, Send, read_request, reply
from tests.wire.asking import ask, ask_whole, fails

FINE = Loop([read_request, Send(reply(b"fine"))])


def address(port, host="127.0.0.1"):
    return (socket.AF_INET, socket.SOCK_STREAM, 0, (host, port))


@pytest.fixture
def refused():
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield address(taken.getsockname()[1])


@pytest.fixture
def silent():
    """An address that never answers: its line of waiting connections is full."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield address(listening.getsockname()[1])


@given(st.lists(st.sampled_from([socket.AF_INET, socket.AF_INET6])))
def test_families_take_turns_and_each_keeps_its_order(families):
    given_ = [(family, 1, 0, (str(number), 1)) for number, family in enumerate(families)]
    order = interleaved(given_)
    assert sorted(order, key=given_.index) == given_
    assert order[:1] == given_[:1]
    for family in set(families):
        assert [one for one in order if one[0] == family] == [one for one in given_ if one[0] == family]
    few = min(families.count(socket.AF_INET), families.count(socket.AF_INET6))
    heads = [one[0] for one in order[: 2 * few]]
    assert all(one != two for one, two in pairwise(heads))


async def test_an_address_that_refuses_leaves_the_way_to_the_next(refused):
    async with ScriptedUpstream([FINE]) as upstream:
        made = await race([refused, refused, address(upstream.origin.port)])
        assert made.getpeername()[1] == upstream.origin.port
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        made.close()


async def test_an_address_that_is_silent_does_not_keep_the_next_from_being_tried(silent):
    async with ScriptedUpstream([FINE]) as upstream:
        made = await race([silent, address(upstream.origin.port)])
        assert made.getpeername()[1] == upstream.origin.port
        made.close()


async def test_when_all_refuse_the_first_one_says_why(refused):
    with pytest.raises(ConnectionRefusedError):
        await race([refused, refused])


async def test_no_address_is_an_error():
    with pytest.raises(OSError, match="no address"):
        await race([])


async def test_a_race_that_is_given_up_leaves_no_socket(silent):
    task = asyncio.create_task(race([silent, silent]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_a_refused_connection_is_a_connect_error_without_the_address(connector, refused):
    origin = Origin("http", "127.0.0.1", refused[3][1])
    error = await fails(ask(connector, origin), Reason.CONNECT)
    assert error.message == "the connection was refused"


@pytest.mark.parametrize("host", ["a" * 300, "a..b"])
async def test_a_name_that_can_not_be_one_is_a_connect_error(connector, host):
    await fails(ask(connector, Origin("http", host, 80)), Reason.CONNECT)


async def test_a_name_with_two_families_connects_by_the_one_that_answers(connector):
    """``localhost`` is ::1 first on many machines, and this server is not there."""
    async with ScriptedUpstream([FINE]) as upstream:
        assert await ask_whole(connector, Origin("http", "localhost", upstream.origin.port)) == b"fine"
        assert upstream.requests[0].headers[b"host"].startswith(b"localhost:")


async def test_an_ipv6_address_is_written_in_brackets(connector):
    try:
        async with ScriptedUpstream([FINE], host="::1") as upstream:
            origin = Origin("http", "::1", upstream.origin.port)
            assert await ask_whole(connector, origin) == b"fine"
            assert upstream.requests[0].headers[b"host"].startswith(b"[::1]:")
    except OSError:
        pytest.skip("this machine has no IPv6")
