"""The transport for egress proxies and HTTP/2, over real sockets. httpx keeps its own clock for the short timeouts."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
import sys

import pytest
import trustme

from gateway.core.errors import ConfigError, Reason
from gateway.core.exchange import Origin, Pieces, Timeouts
from gateway.wire.httpx_transport import HttpxTransport
from gateway.wire.tls import Tls
from tests.upstream import (
    Loop,
    ScriptedUpstream,
    Send,
    chunk,
    chunked,
    close,
    read_head,
    read_request,
    read_some,
    reply,
    stop,
    turn,
)
from tests.wire.asking import ask, ask_whole, fails, turns, until, whole

FINE = Loop([read_request, Send(reply(b"fine", 200, b"X-Odd: Case"))])
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return Tls(ca_file=str(path))


@pytest.fixture
async def transport(clock, tls):
    made = HttpxTransport(clock=clock, tls=tls)
    yield made
    await made.aclose()


async def test_an_exchange_is_like_the_connectors(transport):
    async with ScriptedUpstream([FINE]) as upstream:
        answer = await ask(transport, upstream.origin, b'{"a": 1}', headers=[(b"authorization", b"Bearer k")])
        assert answer.head.status == 200
        assert answer.head.get(b"x-odd") == b"Case"
        assert [await answer.read() for _ in range(3)] == [b"fine", b"", b""]
        answer.abort()
        assert await ask_whole(transport, upstream.origin, Pieces(b"x" * 3_000_000)) == b"fine"
        assert upstream.ever == 1
    first, second = upstream.requests
    assert first.body == b'{"a": 1}'
    assert first.headers[b"authorization"] == b"Bearer k"
    assert first.headers[b"accept-encoding"] == b"identity"
    assert first.headers[b"content-length"] == b"8"
    assert b"transfer-encoding" not in first.headers
    assert b"user-agent" not in first.headers
    assert second.body == b"x" * 3_000_000


async def test_a_compressed_reply_is_inflated(transport):
    body = reply(gzip.compress(b"fine"), 200, b"content-encoding: gzip")
    async with ScriptedUpstream([read_request, Send(body)]) as upstream:
        answer = await ask(transport, upstream.origin)
        assert answer.head.get(b"content-encoding") is None
        assert await whole(answer) == b"fine"


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([read_request, close], Reason.CLOSED),
        ([read_request, Send(b"HTTP/1.1 200 OK\r\n"), close], Reason.CLOSED),
        ([read_request, Send(chunked(b"part")[:-5]), close], Reason.CLOSED),
        ([read_request, Send(reply(b"part")[:-1]), close], Reason.CLOSED),
        ([read_request, Send(b"<html>\r\n\r\n"), turn, close], Reason.PROTOCOL),
        ([read_request, Send(HEAD + b"zz\r\n"), turn, close], Reason.PROTOCOL),
    ],
)
async def test_what_goes_wrong_has_the_same_reasons(transport, steps, reason):
    async with ScriptedUpstream(steps) as upstream:
        await fails(ask_whole(transport, upstream.origin), reason)


async def test_a_refused_connection_is_a_connect_error(transport):
    async with ScriptedUpstream([close]) as upstream:
        origin = upstream.origin
    error = await fails(ask(transport, origin), Reason.CONNECT)
    assert error.message in ("the connection was refused", "no connection: the provider is unreachable")


async def test_a_certificate_is_checked(transport, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    async with ScriptedUpstream([FINE], tls=context) as upstream:
        error = await fails(ask(transport, upstream.origin), Reason.CONNECT)
        assert error.message.startswith("the provider's certificate is not accepted")
        assert await ask_whole(transport, Origin("https", "localhost", upstream.origin.port)) == b"fine"


async def test_a_header_that_would_break_out_of_its_line_is_never_sent(transport):
    async with ScriptedUpstream([FINE]) as upstream:
        await fails(ask(transport, upstream.origin, headers=[(b"x", b"a\r\nb: c")]), Reason.PROTOCOL)
        assert upstream.requests == []


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([read_request], Reason.FIRST_BYTE_TIMEOUT),
        ([read_request, Send(HEAD + chunk(b"some"))], Reason.IDLE_TIMEOUT),
        ([read_head, stop], Reason.IDLE_TIMEOUT),
    ],
)
async def test_silence_ends_the_exchange(transport, steps, reason):
    timeouts = Timeouts(
        connect=5,
        first_byte=0.02 if reason is Reason.FIRST_BYTE_TIMEOUT else 5,
        idle=0.02 if reason is Reason.IDLE_TIMEOUT else 5,
    )
    async with ScriptedUpstream(steps) as upstream:
        body = Pieces(b"x" * (40_000_000 if stop in steps else 2))
        error = await fails(ask_whole(transport, upstream.origin, body, timeouts=timeouts), reason)
        assert "0.02 s" in error.message


async def test_a_connection_that_is_not_made_in_time_is_a_connect_timeout(transport):
    async with ScriptedUpstream([read_some]) as upstream:
        origin = Origin("https", "127.0.0.1", upstream.origin.port)
        await fails(ask(transport, origin, timeouts=Timeouts(connect=0.02)), Reason.CONNECT_TIMEOUT)


@pytest.mark.parametrize("steps", [[read_request], [read_request, Send(HEAD)]])
async def test_the_deadline_ends_everything(transport, clock, steps):
    async with ScriptedUpstream(steps) as upstream:
        task = asyncio.create_task(ask_whole(transport, upstream.origin, deadline=clock.monotonic() + 5))
        await until(lambda: upstream.requests)
        await turns(20)
        clock.advance(6)
        transport.tick()
        await fails(task, Reason.TOTAL_TIMEOUT)
        await upstream.closed()


@pytest.mark.parametrize("steps", [[read_request], [read_request, Send(HEAD + chunk(b"some"))]])
async def test_whoever_is_cancelled_closes_the_connection(transport, steps):
    async with ScriptedUpstream(steps) as upstream:
        task = asyncio.create_task(ask_whole(transport, upstream.origin))
        await until(lambda: upstream.requests)
        await turns(20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await upstream.closed()


async def test_an_abort_closes_the_connection(transport):
    async with ScriptedUpstream([read_request, Send(HEAD + chunk(b"some"))]) as upstream:
        answer = await ask(transport, upstream.origin)
        assert await answer.read() == b"some"
        answer.abort()
        await upstream.closed()
        await fails(answer.read(), Reason.CLOSED)


async def test_a_payload_that_lies_is_told(transport):
    class Liar:
        length = 10

        def __iter__(self):
            yield b"short"

    async with ScriptedUpstream([read_request]) as upstream:
        await fails(ask(transport, upstream.origin, Liar()), Reason.CLOSED)


async def test_a_proxy_is_used_and_its_password_is_told_to_nobody_else(clock, tls):
    async with ScriptedUpstream([FINE]) as proxy:
        url = f"http://user:hunter2@127.0.0.1:{proxy.origin.port}"
        transport = HttpxTransport(clock=clock, proxy=url, tls=tls)
        assert await ask_whole(transport, Origin("http", "provider.example", 80)) == b"fine"
        await transport.aclose()
    assert proxy.requests[0].line == b"POST http://provider.example/v1/chat HTTP/1.1"
    assert proxy.requests[0].headers[b"proxy-authorization"].startswith(b"Basic ")
    assert repr(transport) == "<HttpxTransport HTTP/1.1, through a proxy>"
    assert "hunter2" not in repr(transport) + str(vars(transport))


async def test_a_proxy_that_refuses_is_a_connect_error_without_its_password(clock, tls):
    async with ScriptedUpstream([read_head, Send(reply(b"", 407))]) as proxy:
        url = f"http://user:hunter2@127.0.0.1:{proxy.origin.port}"
        transport = HttpxTransport(clock=clock, proxy=url, tls=tls)
        error = await fails(ask(transport, Origin("https", "provider.example", 443)), Reason.CONNECT)
        assert error.message == "the proxy refused with status 407"
        await transport.aclose()


@pytest.mark.parametrize("proxy", ["ftp://user:hunter2@proxy", "hunter2", "http://user:hunter2@proxy:80x"])
def test_a_proxy_that_makes_no_sense_is_told_at_the_start_without_its_password(clock, proxy, tls):
    with pytest.raises(ConfigError) as caught:
        HttpxTransport(clock=clock, proxy=proxy, tls=tls)
    assert "hunter2" not in str(caught.value)


def test_httpx_is_not_loaded_before_somebody_needs_it():
    code = "import sys, gateway.wire.httpx_transport; sys.exit('httpx' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
