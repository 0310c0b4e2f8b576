"""What the engine does when Redis is late, gone, restarted, forgetful of scripts, or unfit."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import trustme
import uvloop

from gateway.core.clock import SystemClock
from gateway.core.errors import StoreTimedOut, StoreUnavailable, StoreUnfit
from gateway.state.base import Rate, Slots
from gateway.state.redis.connect import connect
from gateway.state.redis.engine import RedisEngine
from tests.redis_server import RedisServer
from tests.state.redis.asking import USD, figures, is_taken, reservation, script_calls, settlement, withdrawal

DEADLINE_S = 0.3
"""Short, and yet no busy machine misses it for long."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer(appendonly=True) as server:
        yield server


async def until_answered(engine, hold):
    """Hold until Redis answers; what failed is withdrawn first, as SharedStore does."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await engine.hold([hold()])
            except StoreUnavailable:
                await asyncio.sleep(0.02)


async def test_scripts_that_redis_forgot_are_sent_again(engine, shared_redis_server):
    with shared_redis_server.client() as look:
        look.script_flush()
        held = reservation(("key:a:usd", USD, 1))
        assert is_taken(await engine.hold([held]))
        look.script_flush()
        assert await figures(engine, "key:a:usd") == (1, 1)
        look.script_flush()
        await engine.renew([held])
        await engine.deliver([settlement(held, 1)])
        assert await figures(engine, "key:a:usd") == (1, 0)
        seen = script_calls(look)
        await engine.renew([])
        assert await figures(engine, "key:a:usd") == (1, 0)
        assert is_taken(await engine.hold([reservation(("key:a:usd", USD, 1))]))
        assert script_calls(look) - seen == 3, "once is enough for each"


async def test_a_restart_with_an_append_only_file_loses_nothing(server, make_engine):
    engine = await make_engine(server.url)
    spent, held = [
        reservation(("key:a:usd", USD, amount), ("key:a:concurrency", Slots(9), 1), id=id)
        for id, amount in (("one", 30), ("two", 40))
    ]
    await engine.hold([spent, held])
    await engine.deliver([settlement(spent, 25, 1)])
    server.kill()
    with pytest.raises(StoreUnavailable):
        await engine.hold([reservation(("key:a:usd", USD, 1))])
    server.restart()

    assert await figures(engine, "key:a:usd") == (65, 40)
    assert await figures(engine, "key:a:concurrency", Slots(9)) == (1, 1)
    await engine.deliver([settlement(spent, 25, 1), settlement(held, 1, 1)])
    assert await figures(engine, "key:a:usd") == (26, 0)


async def test_a_redis_that_lost_everything_is_told_by_every_replica_once(
    redis_url, shared_redis_server, make_engine, caplog
):
    replicas = [await make_engine(redis_url) for _ in range(2)]
    await replicas[0].renew([])
    assert "has lost" not in caplog.text
    with shared_redis_server.client() as look:
        look.flushall()

    for replica in replicas * 2:
        await replica.renew([])

    assert caplog.text.count("Redis has lost all that it counted") == 2


async def test_a_paused_redis_fails_every_waiter_within_the_deadline(server, make_engine):
    engine = await make_engine(server.url, deadline_s=DEADLINE_S)
    server.pause()
    try:
        begun = time.monotonic()
        held = [reservation(("key:a:usd", USD, 1)) for _ in range(100)]
        asked = [engine.hold([each]) for each in held]
        answers = await asyncio.gather(
            *asked,
            engine.levels([]),
            engine.renew(held),
            engine.deliver([settlement(held[0], 1)]),
            return_exceptions=True,
        )
        took_s = time.monotonic() - begun
    finally:
        server.resume()

    late = [answer for answer in answers if answer != ()]
    assert all(isinstance(answer, StoreTimedOut) for answer in late), late
    assert len(late) == 102
    assert took_s < DEADLINE_S * 4
    # What was in the socket is carried out after all, or not: the withdrawals settle it either way.
    patient = await make_engine(server.url)
    await patient.deliver([withdrawal(each) for each in held])
    assert await figures(patient, "key:a:usd") == (0, 0)
    assert is_taken(await until_answered(engine, lambda: reservation(("key:a:usd", USD, 100))))


def test_an_answer_that_came_while_the_loop_was_busy_is_not_late(server):
    async def ask() -> list[object]:
        client = connect(server.url)
        engine = RedisEngine(client, SystemClock(), deadline_s=DEADLINE_S)
        await engine.start()
        ours, theirs = socket.socketpair()

        class Work(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                time.sleep(2 * DEADLINE_S)

        # A client's bytes, and much to do about them: the loop looks at Redis only when that is done.
        client_connection, _ = await asyncio.get_running_loop().create_connection(Work, sock=ours)
        asked = [asyncio.ensure_future(engine.hold([reservation(("key:a:usd", USD, 1))])) for _ in range(3)]
        for _ in range(3):
            await asyncio.sleep(0)  # until they are sent
        theirs.send(b"x")
        answers = await asyncio.gather(*asked, return_exceptions=True)
        client_connection.abort()
        theirs.close()
        await engine.aclose()
        await client.aclose()
        return answers

    # The loop that the gateway runs on: it calls its timers before it looks at its sockets.
    assert all(map(is_taken, uvloop.run(ask())))


async def test_a_redis_that_is_gone_is_told_at_once_and_found_again(server, make_engine):
    engine = await make_engine(server.url)
    server.kill()
    with pytest.raises(StoreUnavailable):
        await engine.hold([reservation(("key:a:usd", USD, 1))])
    with pytest.raises(StoreUnavailable, match="Connection refused") as refused:
        await engine.hold([reservation(("key:a:usd", USD, 1))])
    assert not isinstance(refused.value, StoreTimedOut)
    server.restart()

    assert is_taken(await engine.hold([reservation(("key:a:usd", USD, 1))]))


async def test_start_says_that_redis_is_not_there_and_may_be_called_again(server, make_engine):
    engine = await make_engine(server.url, is_started=False)
    server.kill()
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        await engine.start()
    server.restart()

    await engine.start()
    assert is_taken(await engine.hold([reservation(("key:a:usd", USD, 1))]))


@pytest.mark.parametrize("user", ["", "nobody"])
async def test_a_wrong_password_is_unfit_and_never_said(make_engine, user):
    with RedisServer(password="right") as server:
        engine = await make_engine(f"redis://{user}:guess-4711@127.0.0.1:{server.port}", is_started=False)
        for verb in (engine.start(), engine.hold([reservation(("key:a:usd", USD, 1))])):
            with pytest.raises(StoreUnfit, match="password") as refused:
                await verb
            assert "4711" not in str(refused.value)
            assert refused.value.__cause__ is None


async def test_no_password_where_one_is_needed_is_unfit(make_engine):
    with RedisServer(password="right") as server:
        engine = await make_engine(f"redis://127.0.0.1:{server.port}", is_started=False)
        with pytest.raises(StoreUnfit, match="password"):
            await engine.start()


async def test_a_database_that_there_is_not_is_unfit(redis_url, make_engine):
    engine = await make_engine(redis_url.removesuffix("/0") + "/4711", is_started=False)
    with pytest.raises(StoreUnfit):
        await engine.start()


async def test_a_user_who_may_not_write_is_unfit(server, make_engine):
    with server.client() as look:
        look.execute_command("ACL", "SETUSER", "poor", "on", ">pw", "~sluice:*", "+@read", "+eval", "+evalsha", "+time")
    engine = await make_engine(f"redis://poor:pw@127.0.0.1:{server.port}", is_started=False)
    with pytest.raises(StoreUnfit):
        await engine.start()


async def test_a_redis_without_memory_refuses_holds_whole_and_takes_settlements(server, make_engine):
    engine = await make_engine(server.url)
    held = reservation(("key:a:usd", USD, 60), ("key:a:concurrency", Slots(3), 1))
    await engine.hold([held])
    with server.client() as look:
        look.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="out of memory"):
            await engine.hold([reservation(("key:b:rpm", Rate(5), 1), ("key:a:usd", USD, 1))])
        assert await figures(engine, "key:a:usd") == (60, 60)
        assert await figures(engine, "key:b:rpm", Rate(5)) == (0, 0)
        await engine.deliver([settlement(held, 10, 1)])

    assert await figures(engine, "key:a:usd") == (10, 0)
    assert await figures(engine, "key:a:concurrency", Slots(3)) == (0, 0)


async def test_a_replica_that_takes_no_writes_is_not_the_end(server, make_engine):
    engine = await make_engine(server.url)
    with server.client() as look:
        look.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="replica"):
            await engine.hold([reservation(("key:a:usd", USD, 1))])
        look.replicaof("no", "one")

    assert is_taken(await until_answered(engine, lambda: reservation(("key:a:usd", USD, 1))))


async def test_what_answers_and_is_no_redis_fails_and_hangs_nobody(make_engine):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Thread(target=_answer_as_http, args=(listening,), daemon=True)
        stop.start()
        port = listening.getsockname()[1]
        engine = await make_engine(f"redis://127.0.0.1:{port}", is_started=False, deadline_s=5.0)
        with pytest.raises(StoreUnavailable):
            await engine.hold([reservation(("key:a:usd", USD, 1))])


def _answer_as_http(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            connection.recv(1_000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_a_certificate_that_nobody_vouches_for_is_told_as_such(make_engine):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context) as listening:
        port = listening.sockets[0].getsockname()[1]
        engine = await make_engine(f"rediss://127.0.0.1:{port}", is_started=False)
        with pytest.raises(StoreUnavailable, match=r"self.signed|local issuer.*ssl_ca_certs"):
            await engine.hold([reservation(("key:a:usd", USD, 1))])


async def test_a_port_without_tls_is_told_as_such(make_engine):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_answer_as_http, args=(listening,), daemon=True).start()
        engine = await make_engine(f"rediss://127.0.0.1:{listening.getsockname()[1]}", is_started=False)
        with pytest.raises(StoreUnavailable, match="the port for TLS"):
            await engine.hold([reservation(("key:a:usd", USD, 1))])


async def test_a_waiter_that_goes_away_harms_no_other(engine):
    gone = asyncio.ensure_future(engine.hold([reservation(("key:a:usd", USD, 1))]))
    stays = asyncio.ensure_future(engine.hold([reservation(("key:a:usd", USD, 1))]))
    await asyncio.sleep(0)
    gone.cancel()

    assert is_taken(await stays)


async def test_whoever_waits_when_it_closes_is_told(server, make_engine):
    engine = await make_engine(server.url)
    server.pause()
    try:
        waiting = asyncio.ensure_future(engine.hold([reservation(("key:a:usd", USD, 1))]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await engine.aclose()
        with pytest.raises(StoreUnavailable, match="closed"):
            await waiting
    finally:
        server.resume()
