"""How a change reaches the other replicas and processes."""

from __future__ import annotations

import asyncio
import logging
import math
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest
import redis

from gateway.core.errors import StoreUnavailable
from gateway.directory.news import EVERYTHING
from gateway.directory.pubsub import COMPARE_S
from gateway.directory.records import Change
from gateway.directory.redis import VERSION, RedisDirectory
from gateway.directory.sqlite import SqliteDirectory
from gateway.state.redis.connect import connect
from tests.clock import MovableClock
from tests.directory.made import Heard, a_key, a_team, an_entry
from tests.redis_server import RedisServer
from tests.waiting import until


@pytest.mark.parametrize("kind", ["sqlite", "redis"], indirect=True)
async def test_each_change_is_told_to_another_instance_in_order(open):
    one, other = await open(), await open()
    heard = Heard()
    other.subscribe(heard)
    await one.note(an_entry("first"), Change("config", "first"))
    # Until here a new connection may have told of everything.
    await until(lambda: Change("config", "first") in heard or EVERYTHING in heard)
    if isinstance(other, RedisDirectory):
        await until(lambda: other._news.is_listening)
    heard.clear()

    await one.put_key(a_key("k"), an_entry())
    await one.put_team(a_team("red"), an_entry())
    await one.note(an_entry("no news"))
    await one.note(an_entry("config.reload"), Change("config"))
    await one.put_keys([a_key("l"), a_key("m")], an_entry())

    changes = [Change("key", "k"), Change("team", "red"), Change("config"), EVERYTHING]
    await until(lambda: [change for change in heard if change != Change("config", "first")] == changes)


async def test_a_running_gateway_sees_what_a_command_in_another_process_changed(tmp_path):
    directory = SqliteDirectory(tmp_path / "keys.db", poll_s=0.02)
    await directory.start()
    heard = Heard()
    directory.subscribe(heard)
    script = (
        "import asyncio, pathlib, sys\n"
        "from gateway.directory.sqlite import SqliteDirectory\n"
        "from tests.directory.made import a_key, an_entry\n"
        "async def main():\n"
        "    directory = SqliteDirectory(pathlib.Path(sys.argv[1]))\n"
        "    await directory.start()\n"
        "    await directory.put_key(a_key('k'), an_entry())\n"
        "    await directory.aclose()\n"
        "asyncio.run(main())\n"
    )

    command = [sys.executable, "-c", script, str(tmp_path / "keys.db")]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=60)

    await until(lambda: heard == [Change("key", "k")])
    assert await directory.key("k") == a_key("k")
    await directory.aclose()


async def test_of_very_many_changes_at_once_it_is_told_that_they_may_be_any(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.directory.file.MOST_NEWS", 3)
    one = SqliteDirectory(tmp_path / "keys.db", poll_s=1_000.0)
    other = SqliteDirectory(tmp_path / "keys.db", poll_s=1_000.0)
    await one.start()
    await other.start()

    for count in (3, 4):
        for number in range(count):
            await one.put_key(a_key(f"{count}-{number}"), an_entry())
        news = other._file.news()
        assert news == ([EVERYTHING] if count > 3 else [Change("key", f"3-{number}") for number in range(3)])
        assert other._file.news() == []
    assert one._file.news() == [], "what this process did itself was told already"
    await one.aclose()
    await other.aclose()


class Replicas:
    """Directories on one Redis, with a clock that the test moves."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = AsyncExitStack()
        self.clock = MovableClock()

    async def one(self) -> RedisDirectory:
        client = connect(self._url)
        self._stack.push_async_callback(client.aclose)
        directory = RedisDirectory(client, self.clock)
        self._stack.push_async_callback(directory.aclose)
        await directory.start()
        return directory

    async def listening(self) -> tuple[RedisDirectory, Heard]:
        directory = await self.one()
        heard = Heard()
        directory.subscribe(heard)
        await until(lambda: directory._news.is_listening)
        heard.clear()
        return directory, heard

    async def aclose(self) -> None:
        await self._stack.aclose()


@pytest.fixture
def server():
    with RedisServer(appendonly=True) as server:
        yield server


@pytest.fixture
async def replicas(server) -> AsyncIterator[Replicas]:
    replicas = Replicas(server.url)
    yield replicas
    await replicas.aclose()


async def test_after_a_lost_connection_everything_may_have_changed_and_news_go_on(replicas, server):
    writer = await replicas.one()
    _, heard = await replicas.listening()

    with server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

    await until(lambda: EVERYTHING in heard)
    await writer.put_key(a_key("k"), an_entry())
    await until(lambda: Change("key", "k") in heard)


async def test_a_message_that_was_lost_is_noticed_at_the_next_one(replicas, server):
    writer = await replicas.one()
    _, heard = await replicas.listening()

    with server.client() as client:
        client.incr(VERSION)
    await writer.put_key(a_key("k"), an_entry())

    await until(lambda: EVERYTHING in heard)
    await writer.put_key(a_key("l"), an_entry())
    await until(lambda: heard[-1] == Change("key", "l"))


async def test_a_message_that_was_lost_is_noticed_by_the_counter_within_thirty_seconds(replicas, server):
    reader, heard = await replicas.listening()

    with server.client() as client:
        client.incr(VERSION)
    replicas.clock.advance(COMPARE_S)
    await until(lambda: reader._news._due == 1)
    assert heard == [], "it may still be on its way"
    replicas.clock.advance(COMPARE_S)

    await until(lambda: EVERYTHING in heard)
    assert 2 * COMPARE_S < 30


async def test_no_alarm_is_raised_where_no_message_was_lost(replicas):
    writer = await replicas.one()
    reader, heard = await replicas.listening()

    for number in range(1, 4):
        await writer.put_key(a_key(str(number)), an_entry())
        await until(lambda number=number: reader._news._seen == number)
        replicas.clock.advance(COMPARE_S)
        await until(lambda number=number: reader._news._due == number)

    assert heard == [Change("key", "1"), Change("key", "2"), Change("key", "3")]


async def test_a_counter_that_went_back_is_noticed(replicas, server):
    writer = await replicas.one()
    await writer.put_key(a_key("k"), an_entry())
    _, heard = await replicas.listening()

    with server.client() as client:
        client.flushall()
    replicas.clock.advance(COMPARE_S)

    await until(lambda: EVERYTHING in heard)


async def test_where_messages_cannot_be_had_at_all_changes_are_seen_nevertheless(replicas, server, caplog):
    with server.client() as client, caplog.at_level(logging.INFO, "gateway.directory"):
        client.execute_command("ACL", "SETUSER", "default", "-subscribe")
        writer, reader = await replicas.one(), await replicas.one()
        heard = Heard()
        reader.subscribe(heard)
        await until(lambda: "heard late" in caplog.text)
        heard.clear()

        await writer.put_key(a_key("k"), an_entry())
        await until(lambda: EVERYTHING in heard)

        client.execute_command("ACL", "SETUSER", "default", "+subscribe")
        await until(lambda: reader._news.is_listening)
        assert "heard again" in caplog.text


async def test_news_come_back_with_redis(replicas, server, caplog):
    writer = await replicas.one()
    reader, heard = await replicas.listening()
    await writer.put_key(a_key("k"), an_entry())
    await until(lambda: Change("key", "k") in heard)

    server.kill()
    await until(lambda: not reader._news.is_listening)
    with pytest.raises(StoreUnavailable):
        await reader.key("k")
    heard.clear()
    server.restart()

    await until(lambda: EVERYTHING in heard)
    assert await reader.key("k") == a_key("k")
    second = msgspec.structs.replace(a_key("k"), version=2, tags=("x",))
    await writer.put_key(second, an_entry())
    await until(lambda: Change("key", "k") in heard)
    assert await reader.key("k") == second


async def test_a_message_of_a_newer_release_that_is_not_understood_counts_as_everything(replicas, server):
    _, heard = await replicas.listening()

    with server.client() as client:
        client.publish("sluice:{directory}:news:0", "1 something-new x")

    await until(lambda: EVERYTHING in heard)


async def test_another_database_of_the_same_redis_is_another_directory(server, replicas):
    _, heard = await replicas.listening()
    elsewhere = Replicas(server.url.removesuffix("/0") + "/1")
    writer, heard_there = await elsewhere.listening()

    await writer.put_key(a_key("k"), an_entry())
    await until(lambda: Change("key", "k") in heard_there)
    with redis.Redis.from_url(server.url) as client:
        client.publish("sluice:{directory}:news:0", "1 key mine")

    await until(lambda: heard == [Change("key", "mine")])
    await elsewhere.aclose()


async def test_a_redis_that_hangs_is_listened_to_again_when_it_answers(replicas, server):
    reader, heard = await replicas.listening()

    server.pause()
    replicas.clock.advance(COMPARE_S)
    await until(lambda: not reader._news.is_listening)
    server.resume()

    await until(lambda: EVERYTHING in heard and reader._news.is_listening)


async def test_it_is_said_until_when_all_news_have_come(replicas):
    writer = await replicas.one()
    reader, heard = await replicas.listening()
    assert reader.told_until == -math.inf, "it was not compared yet"

    for number in range(1, 4):
        await writer.put_key(a_key(str(number)), an_entry())
        await until(lambda number=number: heard[-1:] == [Change("key", str(number))])
        before = replicas.clock.monotonic()
        replicas.clock.advance(COMPARE_S)
        await until(lambda before=before: reader.told_until >= before + COMPARE_S)


@pytest.mark.parametrize("command", [("INCR", VERSION), ("FLUSHALL",), ("INCRBY", VERSION, "-1")])
async def test_where_news_may_be_missing_it_is_not_said_that_all_have_come(replicas, server, command):
    writer = await replicas.one()
    reader, heard = await replicas.listening()
    await writer.put_key(a_key("k"), an_entry())
    await until(lambda: heard == [Change("key", "k")])
    replicas.clock.advance(COMPARE_S)
    await until(lambda: reader.told_until > -math.inf)
    last, said = reader.told_until, []
    reader.subscribe(lambda change: said.append((change, reader.told_until)))

    with server.client() as client:
        client.execute_command(*command)
    for _ in range(2):
        before = reader._news._compare_at
        replicas.clock.advance(COMPARE_S)
        await until(lambda before=before: reader._news._compare_at > before or said)

    await until(lambda: said)
    assert said[0] == (EVERYTHING, last), "whoever has remembered keys is told before anything is said anew"


async def test_while_redis_is_out_it_is_not_said_that_all_news_have_come(replicas, server):
    reader, _ = await replicas.listening()
    replicas.clock.advance(COMPARE_S)
    await until(lambda: reader.told_until > -math.inf)
    last = reader.told_until

    server.kill()
    await until(lambda: not reader._news.is_listening)
    replicas.clock.advance(10 * COMPARE_S)
    with pytest.raises(StoreUnavailable):
        await reader.key("k")

    assert reader.told_until == last
