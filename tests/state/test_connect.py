"""From a URL to a client of Redis, against real servers; what is misread is said without the URL."""

from __future__ import annotations

import pytest
from redis.asyncio import RedisCluster
from redis.exceptions import AuthenticationError, RedisError

from gateway.core.errors import ConfigError
from gateway.state.redis.connect import connect
from tests.redis_server import RedisServer


async def test_a_server_is_reached_by_its_url_in_the_database_that_it_names(redis_url):
    client = connect(redis_url.removesuffix("/0") + "/3")
    await client.set("here", "1")
    await client.aclose()
    other = connect(redis_url)
    assert await other.get("here") is None
    await other.select(3)
    await other.aclose()


async def test_a_password_with_special_letters_opens_the_server_and_is_never_shown():
    with RedisServer(password="p@ss/phrase") as server:
        client = connect(f"redis://:p%40ss%2Fphrase@127.0.0.1:{server.port}")
        assert await client.ping()
        assert "phrase" not in repr(client)
        await client.aclose()

        stranger = connect(f"redis://:secret-guess@127.0.0.1:{server.port}")
        with pytest.raises(AuthenticationError) as refused:
            await stranger.ping()
        assert "secret-guess" not in str(refused.value)
        await stranger.aclose()


async def test_a_master_is_found_by_the_sentinels_that_answer():
    with RedisServer(password="p") as master, RedisServer("--sentinel") as sentinel:
        with sentinel.client() as told:
            told.execute_command("SENTINEL", "MONITOR", "mine", "127.0.0.1", master.port, 1)
            told.execute_command("SENTINEL", "SET", "mine", "auth-pass", "p")
        client = connect(f"redis+sentinel://:p@127.0.0.1:1,127.0.0.1:{sentinel.port}/mine/2")

        assert await client.ping()
        await client.set("here", "1")
        with master.client() as look:
            look.select(2)
            assert look.get("here") == b"1"
        await client.aclose()


async def test_a_server_that_is_gone_is_told_at_once():
    client = connect("redis://127.0.0.1:1")
    with pytest.raises(RedisError):
        await client.ping()
    await client.aclose()


def test_a_cluster_takes_several_hosts_and_ports():
    client = connect("redis+cluster://user:phrase@one:7000,[::1]:7001,three")

    assert isinstance(client, RedisCluster)
    nodes = client.nodes_manager.startup_nodes.values()
    assert [(node.host, node.port) for node in nodes] == [("one", 7000), ("::1", 7001), ("three", 6379)]
    assert "phrase" not in repr(client)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:secret@host:99999x",
        "redis://user:secret@host:99999",
        "redis://user:secret@one,two",
        "redis://user:secret@host/zero",
        "redis://user:secret@host/0/1",
        "redis://user:secret@",
        "redis+cluster://user:secret@host/2",
        "redis+sentinel://user:secret@host",
        "redis+sentinel://user:secret@host/name/two",
        "http://user:secret@host",
        "redis+other://user:secret@host",
        "redis://user:secret@host?socket_timeout=secret",
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_being_repeated(url):
    with pytest.raises(ConfigError) as refused:
        connect(url)

    assert "secret" not in str(refused.value)
    assert "fix: " in str(refused.value)
