"""The log of calls of a whole gateway: calls feel nothing of it, and it has all of them."""

from __future__ import annotations

import asyncio
import os

import pytest
import yaml

from gateway.core.errors import ConfigError
from gateway.telemetry.calls.query import Query
from tests.client import CHAT, ask, chat, get
from tests.otlp import Collector
from tests.processes import program
from tests.serving import serving
from tests.waiting import until

ADMIN = "admin-0123456789abcdef"
MARK = "marker-5e1d"
BASE = {
    "server": {"admin_key": ADMIN},
    "providers": {"p": {"kind": "simulator", "price": "free"}},
    "models": {"m": {"targets": ["p/s"]}},
}


async def log_of(served):
    return served.gateway.lasting.opened.calls


async def test_a_place_that_is_stuck_costs_calls_nothing_and_the_others_have_all(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # to open it waits for a reader
    async with serving({**BASE, "calls": {"json_lines": str(pipe), "queue": 5}}) as served:
        queues = (await log_of(served)).queues
        for index in range(12):
            assert (await ask(served.url, CHAT, chat(str(index), "m"))).status == 200
            # Observers may be told of several calls at once, and this queue is short for the other one.
            await until(lambda: queues["sqlite"].written == index + 1)  # noqa: B023  it is waited for here
        assert queues["json_lines"].written == 0
        assert queues["json_lines"].dropped >= 1
        lines = (await get(served.url, "/metrics")).body.decode().splitlines()
        assert 'sluice_calls_logged_total{sink="sqlite"} 12.0' in lines
        assert f'sluice_calls_dropped_total{{sink="json_lines"}} {float(queues["json_lines"].dropped)}' in lines
        assert 'sluice_calls_dropped_total{sink="sqlite"} 0.0' in lines
        # The thread may go.
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.close(reader)


async def test_every_place_is_told_and_none_of_what_was_said(tmp_path):
    with Collector() as collector:
        calls = {
            "path": str(tmp_path / "calls.db"),
            "json_lines": str(tmp_path / "calls.jsonl"),
            "otlp": {"endpoint": collector.url},
            "capture": {"keys": ["*"], "secret": "a secret of the tests, long enough"},
        }
        async with serving({**BASE, "calls": calls}) as served:
            await ask(served.url, CHAT, chat(MARK, "m"))
            await ask(served.url, CHAT, chat(MARK, "m", stream=True))
            log = await log_of(served)
            await until(lambda: all(queue.written == 2 for queue in log.queues.values()))
            during = [path.read_bytes() for path in tmp_path.iterdir()]
            found = (await log.reader.page(Query())).entries
            assert all(one.has_payload for one in found)
            content = await log.reader.content(found[0].id)
            assert MARK.encode() in content.request
            assert content.reply.startswith(b"data: ")
        files = [path.read_bytes() for path in tmp_path.iterdir()]
        assert len(collector.logs) == 2
        assert collector.logs[0].attributes["gen_ai.provider.name"] == "simulator"
        for output in (*during, *files, *(post.body for post in collector.posts)):
            assert MARK.encode() not in output


async def test_what_is_queued_at_the_end_is_written(tmp_path):
    calls = {"path": str(tmp_path / "calls.db"), "json_lines": str(tmp_path / "calls.jsonl")}
    async with serving({**BASE, "calls": calls}) as served:
        for _ in range(7):
            await ask(served.url, CHAT, chat("x", "m"))
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 7
    async with serving({**BASE, "calls": calls}) as served:
        assert len((await (await log_of(served)).reader.page(Query())).entries) == 7


async def test_the_log_is_beside_the_store_unless_it_is_elsewhere(tmp_path):
    async with serving({**BASE, "state": {"url": f"sqlite:///{tmp_path}/sluice.db"}}) as served:
        await ask(served.url, CHAT, chat("x", "m"))
    assert (tmp_path / "sluice-calls.db").exists()


async def test_a_temporary_one_is_gone_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with serving(BASE) as served:
        await ask(served.url, CHAT, chat("x", "m"))
        log = await log_of(served)
        await until(lambda: log.queues["sqlite"].written == 1)
        assert list(tmp_path.glob("sluice-calls-*/calls.sqlite"))
    assert not list(tmp_path.glob("sluice-calls-*"))


async def test_a_header_that_no_request_can_carry_keeps_it_from_starting():
    otlp = {"endpoint": "http://127.0.0.1:9", "headers": {"x-token": "s3cr3t\nx"}}
    with pytest.raises(ConfigError, match=r"calls\.otlp\.headers") as refused:
        async with serving({**BASE, "calls": {"otlp": otlp}}):
            pass
    assert "s3cr3t" not in str(refused.value)


async def test_all_workers_write_one_log_and_each_reads_it(tmp_path):
    config = tmp_path / "sluice.yaml"
    config.write_text(yaml.safe_dump(BASE))
    async with program("tests.workers", str(config), "2", environ={"TMPDIR": str(tmp_path)}) as running:
        for _ in range(12):
            assert (await ask(running.url, CHAT, chat("x", "m"))).status == 200

        async def seen() -> int:
            reply = await get(running.url, "/admin/v1/calls", key=ADMIN)
            return len(reply.json["data"])

        async with asyncio.timeout(15):
            # Each question may be another worker's to answer.
            while [await seen() for _ in range(6)] != [12] * 6:  # noqa: ASYNC110  processes signal nothing
                await asyncio.sleep(0.05)
            metrics = await get(running.url, "/metrics")
            assert metrics.status == 200, "what workers tell of themselves is in the same folder"
    assert not list(tmp_path.glob("sluice-*"))
