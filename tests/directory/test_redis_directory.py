"""What only a directory in Redis can meet: outages, forgotten scripts, clusters."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import redis
from redis.asyncio import RedisCluster

from gateway.core.errors import StoreUnavailable
from gateway.directory.records import Change
from gateway.directory.redis import AUDIT, IDS, KEYS, MEMBERS, NAMES, TEAMS, VERSION, RedisDirectory
from gateway.state.redis.connect import connect
from tests.clock import MovableClock
from tests.directory.made import Heard, a_full_key, a_key, a_team, an_entry
from tests.redis_server import RedisServer, free_port
from tests.waiting import until

PASSWORD = "pass-5ec2e7"


@asynccontextmanager
async def directory_at(url):
    async with AsyncExitStack() as stack:
        client = connect(url)
        stack.push_async_callback(client.aclose)
        directory = RedisDirectory(client, MovableClock())
        stack.push_async_callback(directory.aclose)
        await directory.start()
        yield directory


VERBS = {
    "key": lambda directory: directory.key("k"),
    "named_key": lambda directory: directory.named_key("k"),
    "keys": lambda directory: directory.keys(),
    "teams": lambda directory: directory.teams(),
    "put_key": lambda directory: directory.put_key(a_key(), an_entry()),
    "put_team": lambda directory: directory.put_team(a_team(), an_entry()),
    "note": lambda directory: directory.note(an_entry()),
    "audit": lambda directory: directory.audit(),
}


async def test_a_user_without_the_channels_is_told_what_is_missing(redis_url, caplog):
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser("narrow", enabled=True, passwords=["+pw"], keys=["sluice:*"], commands=["+@all"])
        try:
            async with directory_at(redis_url.replace("redis://", "redis://narrow:pw@")) as directory:
                with pytest.raises(StoreUnavailable, match="channels &sluice"):
                    await directory.put_key(a_key(), an_entry())
                await until(lambda: "channels &sluice" in caplog.text)
        finally:
            client.acl_deluser("narrow")


async def test_with_redis_down_it_starts_and_each_verb_says_so_without_url_and_password():
    port = free_port()
    async with directory_at(f"redis://:{PASSWORD}@127.0.0.1:{port}/0") as directory:
        for ask in VERBS.values():
            with pytest.raises(StoreUnavailable, match=r"can't be reached now: ConnectionError\. Check") as refused:
                await ask(directory)
            told = str(refused.value) + repr(directory)
            assert PASSWORD not in told
            assert "127.0.0.1" not in told
            assert refused.value.__suppress_context__


async def test_a_redis_that_hangs_is_given_up_on_by_every_verb_and_answers_again_later():
    with RedisServer() as server:
        async with directory_at(server.url) as directory:
            await directory.put_key(a_key("k"), an_entry())
            server.pause()
            # Far above the deadline of a second, far below what a hang would take.
            async with asyncio.timeout(30):
                answers = await asyncio.gather(*(ask(directory) for ask in VERBS.values()), return_exceptions=True)
            server.resume()

            assert [type(answer) for answer in answers] == [StoreUnavailable] * len(VERBS)
            assert await directory.key("k") == a_key("k")


async def test_an_error_of_redis_is_named_but_not_quoted():
    with RedisServer(password=PASSWORD) as server:
        async with directory_at(f"redis://127.0.0.1:{server.port}/0") as directory:
            with pytest.raises(StoreUnavailable, match="AuthenticationError"):
                await directory.key("k")
        async with directory_at(server.url) as directory:
            with server.client() as client:
                client.set(KEYS, "no hash")
            with pytest.raises(StoreUnavailable, match=r"ResponseError \(WRONGTYPE\)"):
                await directory.put_key(a_full_key(), an_entry())


async def test_a_record_that_cannot_be_read_is_an_outage_and_no_missing_key(redis_url):
    async with directory_at(redis_url) as directory:
        with redis.Redis.from_url(redis_url) as client:
            client.hset(KEYS, "k", "{")

        with pytest.raises(StoreUnavailable, match="DecodeError"):
            await directory.key("k")


async def test_a_redis_that_forgot_the_scripts_is_sent_them_again(redis_url):
    async with directory_at(redis_url) as directory:
        await directory.put_key(a_key("k"), an_entry())
        with redis.Redis.from_url(redis_url) as client:
            client.script_flush()

        await directory.put_key(a_key("l"), an_entry())

        assert len((await directory.keys()).keys) == 2


async def test_a_look_up_is_one_command(redis_url):
    async with directory_at(redis_url) as directory:
        await until(lambda: directory._news.is_listening)
        await directory.put_key(a_key("k"), an_entry())
        with redis.Redis.from_url(redis_url) as client:
            client.config_resetstat()
            await directory.key("k")
            await directory.key("unknown")
            stats = client.info("commandstats")

        assert stats["cmdstat_hget"]["calls"] == 2
        assert set(stats) <= {"cmdstat_hget", "cmdstat_config|resetstat", "cmdstat_info"}


async def test_the_audit_log_does_not_grow_for_ever(redis_url, monkeypatch):
    monkeypatch.setattr(
        "gateway.directory.redis._NOTE._text", text := _note_text().replace("AUDITED = 100000", "AUDITED = 100")
    )
    monkeypatch.setattr("gateway.directory.redis._NOTE._digest", "0" * 40)
    assert "AUDITED = 100\n" in text
    async with directory_at(redis_url) as directory:
        for number in range(400):
            await directory.note(an_entry(str(number)))

        kept = await directory.audit(limit=1_000)

    assert 100 <= len(kept) < 400
    assert kept[0].action == "399"


def _note_text() -> str:
    from gateway.directory.redis import _NOTE  # noqa: PLC0415

    return _NOTE._text


def test_the_scripts_keep_as_much_as_every_directory_does():
    from gateway.directory.base import AUDITED  # noqa: PLC0415

    assert f"local AUDITED = {AUDITED}\n" in _note_text()


async def test_all_its_keys_lie_in_one_slot(redis_url):
    async with directory_at(redis_url) as directory:
        await directory.put_key(a_full_key(), an_entry())
        await directory.put_team(a_team(), an_entry())
    slots = RedisCluster(host="127.0.0.1")
    with redis.Redis.from_url(redis_url) as client:
        found = {key.decode() for key in client.scan_iter()}

    assert found == {VERSION, AUDIT, KEYS, NAMES, IDS, MEMBERS, TEAMS}
    assert len({slots.keyslot(key) for key in (*found, directory._channel)}) == 1


async def test_it_works_and_hears_in_a_cluster():
    with RedisServer("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        with server.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
            await until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO", NEVER_DECODE=True))
        async with AsyncExitStack() as stack:
            directories = []
            for _ in range(2):
                client = connect(f"redis+cluster://127.0.0.1:{server.port}")
                stack.push_async_callback(client.aclose)
                directories.append(RedisDirectory(client, MovableClock()))
                stack.push_async_callback(directories[-1].aclose)
                await directories[-1].start()
            one, other = directories
            heard = Heard()
            other.subscribe(heard)
            await until(lambda: other._news.is_listening)

            await one.put_keys([a_full_key(), a_key("k", team="red")], an_entry())
            await one.put_team(a_team("red"), an_entry())

            assert await other.key("k") == a_key("k", team="red")
            assert len((await other.keys(team="red")).keys) == 2
            assert [entry.id for entry in await other.audit()] == ["2", "1"]
            await until(lambda: Change("team", "red") in heard)
