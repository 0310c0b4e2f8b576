"""The configuration changes again and again under load: no call notices."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from gateway.settings.shown import fingerprint
from tests.client import CHAT, Client, ask, chat, get
from tests.factory.test_live import BASE, changed, place, served_by, upstreams
from tests.load import Load
from tests.processes import gateway


async def test_no_call_notices_fifty_reloads(tmp_path):
    """Calls and streams go on without a pause, while two providers take turns and keys, prices and limits change."""
    async with upstreams(2, tokens_per_s=200) as (simulators, providers):

        def config(number: int) -> dict[str, Any]:
            name = "ab"[number % 2]
            own = {name: providers[name]} if number % 3 else providers
            limits = {
                "global": {"limits": {"rpm": 1_000_000 + number}, "budgets": [{"usd": 1_000 + number, "per": "day"}]}
            }
            return changed(BASE, providers=own, models=served_by(name), teams={f"t{number}": {}}, **limits)

        async with place(tmp_path, config(0)) as here:
            load = Load(here.url)
            running = asyncio.create_task(load.run(6))
            results: Counter[str] = Counter()
            for number in range(1, 51):
                results[(await here.reload(config(number))).result] += 1
                await asyncio.sleep(0.05)
            await running
            await here.until(lambda: not here.live._leaving)
            connections = sum(each.open_connections for each in here.gateway.upstreams.connectors)
            idle = sum(each.idle_connections for each in here.gateway.upstreams.connectors)

        assert results == {"in_force": 50}
        assert Counter(call.answer.status for call in load.calls) == {200: len(load.calls)}
        assert len(load.calls) > 300
        assert {stream.status for stream in load.streams} == {200}
        assert all(
            stream.is_whole and stream.error is None and stream.events[-1] == b"[DONE]" for stream in load.streams
        )
        assert all(each.stats.requests for each in simulators), "both had their turns"
        assert sum(each.stats.disconnects for each in simulators) == 0
        assert connections == idle


async def test_a_hundred_reloads_leave_nothing_behind(tmp_path):
    async def reloaded(rounds: int) -> None:
        for number in range(rounds):
            own = {"a": providers["a"], f"c{number % 2}": {"kind": "simulator"}}
            models = served_by("a", f"c{number % 2}")
            media = {"path": str(tmp_path / f"media{number % 2}"), "secret": "s" * 32}
            wished = changed(BASE, providers=own, models=models, server={"media": media, "attempts": 1 + number % 50})
            assert (await here.reload(wished)).result == "in_force"
            assert (await ask(here.url, CHAT, chat())).status == 200
        await here.until(lambda: not here.live._leaving)
        await asyncio.sleep(0)

    def counts() -> tuple[int, int, int, int]:
        # What a reload has frozen is looked at too.
        gc.unfreeze()
        gc.collect()
        files = len(list(Path("/proc/self/fd").iterdir()))
        return len(gc.get_objects()), len(asyncio.all_tasks()), files, len(here.gateway.lasting.leases)

    async with upstreams(1) as (_, providers), place(tmp_path, changed(BASE, providers=providers)) as here:
        await reloaded(10)
        objects, tasks, files, shared = counts()
        await reloaded(100)
        later = counts()
        assert later[1:] == (tasks, files, shared)
        assert later[0] < objects + 2_000, "a generation alone is some thousands of objects"


async def test_what_a_configuration_was_made_into_goes_without_the_collector(tmp_path):
    """So that it may be frozen: with it, all that hung together in a circle would stay for ever."""
    async with upstreams(1) as (_, providers), place(tmp_path, changed(BASE, providers=providers)) as here:

        async def used(number: int) -> None:
            own = {**providers, "b": {"kind": "simulator", "options": {"say": str(number)}}}
            keys = [{"name": "k", "key": "sk-any", "budgets": [{"usd": 100 + number, "per": "day"}]}]
            media = {"path": str(tmp_path / f"media{number}"), "secret": "s" * 32}
            wished = changed(BASE, providers=own, models=served_by("a", "b"), keys=keys, server={"media": media})
            assert (await here.reload(wished)).result == "in_force"
            async with Client(here.url) as client:
                assert (await client.chat()).status == 200
                assert (await client.chat(model="b")).status == 404
            await here.until(lambda: not here.live._leaving)

        await used(1)
        gc.unfreeze()
        gc.collect()
        gc.disable()
        try:
            for number in range(2, 7):
                await used(number)
            await asyncio.sleep(0.05)
            assert gc.collect() < 500, "five configurations are thousands of objects"
        finally:
            gc.enable()


async def test_sighup_and_a_changed_file_reach_a_real_process(tmp_path):
    file = tmp_path / "sluice.yaml"
    config = changed(
        BASE, keys=[{"name": "one", "key": "${KEY_OF_TEST:-sk-one}"}], server={"reload": False, "notice_s": 0}
    )
    file.write_text(yaml.safe_dump(config))

    async def hash_is_not(old: str) -> str:
        async with asyncio.timeout(15):
            while (now := (await get(program.url, "/readyz")).json["config"]) == old:  # noqa: ASYNC110  it tells who asks
                await asyncio.sleep(0.02)
        return now

    async with gateway(file) as program:
        first = (await get(program.url, "/readyz")).json["config"]
        assert first.startswith(fingerprint({})[:7])
        watched = changed(config, server={"reload": True, "notice_s": 0}, teams={"t": {}})
        file.write_text(yaml.safe_dump(watched))
        os.kill(program.pid, signal.SIGHUP)
        second = await hash_is_not(first)
        file.write_text(yaml.safe_dump(changed(watched, teams={"u": {}})))
        await hash_is_not(second)
        file.write_text("models: [")
        os.kill(program.pid, signal.SIGHUP)
        async with asyncio.timeout(15):
            while b"sluice_config_last_reload_successful 0" not in (await get(program.url, "/metrics")).body:  # noqa: ASYNC110  as above
                await asyncio.sleep(0.02)
        async with Client(program.url, "sk-one") as client:
            assert (await client.chat()).status == 200
        program.terminate()
        assert await program.ended() == 0
    assert b"stays in force" in program.output
    assert b"sk-one" not in program.output
