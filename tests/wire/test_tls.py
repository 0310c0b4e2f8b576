"""Whom we trust, and who we are. Certificates are made for the test."""

from __future__ import annotations

import ssl

import pytest
import trustme

from gateway.core.errors import ConfigError, Reason
from gateway.core.exchange import Origin, Pieces
from gateway.wire.connector import Connector
from gateway.wire.tls import Tls
from tests.upstream import Loop, ScriptedUpstream, Send, chunk, chunked, close, read_request, reply, turn
from tests.wire.asking import ask, ask_whole, fails, until, whole

FINE = Loop([read_request, Send(reply(b"fine"))])


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="module")
def client_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "client.pem"
    authority.issue_cert("gateway@example.org").private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def serving(authority):
    def serving(*names, asks_for_client=False):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(*names).configure_cert(context)
        if asks_for_client:
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    return serving


@pytest.fixture
async def trusting(clock, ca_file):
    made = Connector(clock=clock, tls=Tls(ca_file=ca_file))
    yield made
    await made.aclose()
    assert made.open_connections == 0


async def test_a_provider_with_a_certificate_of_the_given_authority_is_asked(trusting, serving):
    async with ScriptedUpstream([FINE], tls=serving("127.0.0.1")) as upstream:
        for _ in range(3):
            assert await ask_whole(trusting, upstream.origin) == b"fine"
        assert upstream.ever == 1


async def test_the_name_is_checked_not_just_the_authority(trusting, serving):
    async with ScriptedUpstream([FINE], tls=serving("localhost")) as upstream:
        error = await fails(ask(trusting, upstream.origin), Reason.CONNECT)
        assert error.message.startswith("the provider's certificate is not accepted: IP address mismatch")
        by_name = Origin("https", "localhost", upstream.origin.port)
        assert await ask_whole(trusting, by_name) == b"fine"
    assert len(upstream.requests) == 1


async def test_an_unknown_authority_is_not_trusted(connector, serving):
    async with ScriptedUpstream([FINE], tls=serving("127.0.0.1")) as upstream:
        error = await fails(ask(connector, upstream.origin), Reason.CONNECT)
        assert "certificate is not accepted" in error.message
        assert upstream.requests == []


async def test_a_client_certificate_is_shown_to_who_asks_for_it(clock, serving, ca_file, client_file):
    connector = Connector(clock=clock, tls=Tls(ca_file=ca_file, client_cert=client_file))
    async with ScriptedUpstream([FINE], tls=serving("127.0.0.1", asks_for_client=True)) as upstream:
        assert await ask_whole(connector, upstream.origin) == b"fine"
    await connector.aclose()


async def test_a_provider_that_misses_a_client_certificate_is_no_provider_of_ours(trusting, serving):
    async with ScriptedUpstream([FINE], tls=serving("127.0.0.1", asks_for_client=True)) as upstream:
        work = ask(trusting, upstream.origin)
        # With TLS 1.3 the client is through before the server has seen that there is no certificate.
        await fails(work, Reason.CLOSED)


async def test_a_provider_that_speaks_no_tls_is_told_apart(trusting):
    async with ScriptedUpstream([Send(b"HTTP/1.1 400 Plain\r\n\r\n")]) as upstream:
        origin = Origin("https", "127.0.0.1", upstream.origin.port)
        error = await fails(ask(trusting, origin), Reason.CONNECT)
        assert error.message.startswith("the TLS handshake failed: ")


async def test_a_provider_that_hangs_up_in_the_handshake_is_a_connect_error(trusting):
    async with ScriptedUpstream([close]) as upstream:
        await fails(ask(trusting, Origin("https", "127.0.0.1", upstream.origin.port)), Reason.CONNECT)


async def test_streams_large_bodies_and_aborts_work_as_without_tls(trusting, serving):
    size = 10_000_000
    body = Pieces(b"x" * size)
    unfinished = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"some")
    script = [read_request, Send(reply(b"y" * size)), read_request, Send(chunked(b"a", b"b")), read_request]
    async with ScriptedUpstream([*script, Send(unfinished)], tls=serving("127.0.0.1")) as upstream:
        assert len(await ask_whole(trusting, upstream.origin, body)) == size
        assert upstream.requests[0].body == b"x" * size
        assert await ask_whole(trusting, upstream.origin) == b"ab"
        answer = await ask(trusting, upstream.origin)
        assert await answer.read() == b"some"
        answer.abort()
        await upstream.closed()
        await until(lambda: not trusting.open_connections)


async def test_a_stale_connection_is_noticed_under_tls_too(trusting, serving):
    fine = [read_request, Send(reply(b"fine"))]
    async with ScriptedUpstream([*fine, read_request, close], fine, tls=serving("127.0.0.1")) as upstream:
        assert await ask_whole(trusting, upstream.origin) == b"fine"
        assert await ask_whole(trusting, upstream.origin) == b"fine"
        assert [request.connection for request in upstream.requests] == [0, 0, 1]


async def test_a_body_without_a_length_ends_with_the_tls_connection(trusting, serving):
    script = [read_request, Send(b"HTTP/1.1 200 OK\r\n\r\nall"), turn, Send(b" of it"), close]
    async with ScriptedUpstream(script, tls=serving("127.0.0.1")) as upstream:
        assert await whole(await ask(trusting, upstream.origin)) == b"all of it"


@pytest.mark.parametrize("field", ["ca_file", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_told_at_the_start(clock, field):
    with pytest.raises(ConfigError, match=r"nowhere\.pem: error: tls: there is no such file"):
        Connector(clock=clock, tls=Tls(**{field: "/nowhere.pem"}))


@pytest.mark.parametrize("field", ["ca_file", "client_cert"])
def test_a_file_that_holds_something_else_is_told_at_the_start(clock, tmp_path, field):
    path = tmp_path / "odd.pem"
    path.write_text("not a certificate")
    with pytest.raises(ConfigError, match=r"odd\.pem: error: tls: "):
        Connector(clock=clock, tls=Tls(**{field: str(path)}))


def test_a_key_with_a_password_is_told_at_the_start_and_never_asked_for(clock, authority, tmp_path):
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - comes with trustme

    made = authority.issue_cert("gateway@example.org")
    key = serialization.load_pem_private_key(made.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    certificate, path = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.cert_chain_pems[0].bytes())
    path.write_bytes(locked)
    with pytest.raises(ConfigError, match="give an unencrypted PEM certificate"):
        Connector(clock=clock, tls=Tls(client_cert=str(certificate), client_key=str(path)))
