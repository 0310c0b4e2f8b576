"""Keys of two gateways that share a Redis: revoked on one, refused by the other, whatever happens to the news."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from msgspec.structs import replace

from gateway.identity.secret import new_secret
from tests.clock import MovableClock
from tests.edge.test_who_calls import AUDIT, make, status, with_keys
from tests.redis_server import RedisServer
from tests.serving import serving


@asynccontextmanager
async def replicas(url, folder, **parts):
    def said(name):
        return with_keys(state={"url": url, "journal": str(folder / f"{name}.db")})

    async with serving(said("a"), **parts) as one, serving(said("b"), **parts) as other:
        yield one, other


def directory(gateway):
    return gateway.gateway.lasting.opened.directory


async def until_refused(gateway, secret, within_s):
    """The seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(within_s), httpx.AsyncClient(headers={"api-key": secret}) as client:
        while (await client.get(f"{gateway.base_url}/models")).status_code != 401:  # noqa: ASYNC110  as a client
            await asyncio.sleep(0.001)
    return time.monotonic() - began


async def test_a_revoked_key_is_refused_on_every_replica_within_a_second(redis_url, tmp_path, capsys):
    took = []
    async with replicas(redis_url, tmp_path) as (one, other):
        for i in range(5):
            secret, record = await make(directory(one), f"k{i}")
            assert await status(one, secret) == await status(other, secret) == 200
            await directory(one).put_key(replace(record, version=2, revoked_at=1.0), AUDIT)
            took.append(await until_refused(other, secret, within_s=1))
            assert await status(one, secret) == 401
    with capsys.disabled():
        sys.stdout.write(f"\nrevoked there, refused here: {max(took) * 1000:.1f} ms at most of {len(took)}\n")


async def test_a_revoked_key_is_refused_on_every_replica_though_no_news_comes(redis_url, tmp_path):
    clock = MovableClock()
    async with replicas(redis_url, tmp_path, clock=clock) as (one, other):
        idle, idle_record = await make(directory(one), "idle")
        busy, busy_record = await make(directory(one), "busy")
        assert await status(other, idle) == await status(other, busy) == 200
        directory(other)._listening.cancel()
        for record in (idle_record, busy_record):
            await directory(one).put_key(replace(record, version=2, revoked_at=1.0), AUDIT)

        assert await status(other, busy) == 200, "nothing has told it yet"
        clock.advance(21)
        await status(other, busy)
        await until_refused(other, busy, within_s=2)
        clock.advance(8)
        assert await status(other, idle) == 401


async def test_a_revoked_key_is_refused_on_every_replica_though_the_news_is_cut_again_and_again(redis_url, tmp_path):
    async with replicas(redis_url, tmp_path) as (one, other):
        secret, record = await make(directory(one))
        assert await status(other, secret) == 200
        client = one.gateway.lasting.opened.directory._client

        async def cut():
            while True:
                await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                await asyncio.sleep(0.02)

        cutting = asyncio.create_task(cut())
        await asyncio.sleep(0.1)
        await directory(one).put_key(replace(record, version=2, revoked_at=1.0), AUDIT)
        await asyncio.sleep(0.1)
        cutting.cancel()
        await until_refused(other, secret, within_s=30)


@pytest.mark.parametrize("out", ["kill", "pause"])
async def test_while_redis_is_out_known_keys_call_and_others_are_to_come_again(tmp_path, out):
    clock = MovableClock()
    with RedisServer(appendonly=True) as server:
        async with replicas(server.url, tmp_path, clock=clock) as (one, _):
            known, _ = await make(directory(one), "known")
            unknown, _ = await make(directory(one), "unknown")
            revoked, record = await make(directory(one), "revoked")
            assert await status(one, known) == await status(one, revoked) == 200
            await directory(one).put_key(replace(record, version=2, revoked_at=1.0), AUDIT)
            assert await until_refused(one, revoked, within_s=1) < 1

            getattr(server, out)()
            for path in ("/v1/models", "/v1/chat/completions"):
                assert await status(one, known, path) == 200
            clock.advance(3_600)
            for _ in range(20):
                assert await status(one, known) == 200
            assert await status(one, unknown) == await status(one, new_secret()) == 503
            assert await status(one, revoked) == 401

            server.restart() if out == "kill" else server.resume()
            async with asyncio.timeout(20):
                while await status(one, unknown) != 200:
                    await asyncio.sleep(0.05)
                    clock.advance(1)
            assert await status(one, new_secret()) == await status(one, revoked) == 401
