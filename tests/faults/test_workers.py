"""Several workers on one port: their figures are one, and the death of any process costs no more than its own calls."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.simulator.app import Simulator
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.server import running
from tests.admin.console.signed import OWN, sign_in
from tests.admin.controlling import ADMIN_KEY
from tests.client import CHAT, Client, ask, chat, get
from tests.faults.scene import HOUR, PRICE
from tests.processes import Program, program

REFUSED = (OSError, asyncio.IncompleteReadError)


class Place:
    """A gateway of several processes over a provider of ours."""

    def __init__(self, program: Program, upstream: Simulator, config: Path) -> None:
        self.program = program
        self.url = program.url
        self.upstream = upstream
        self.config = config

    @property
    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.program.pid).children()

    async def page(self) -> dict[tuple[str, frozenset], float]:
        """Every sample of ``/metrics`` by name and labels."""
        answer = await get(self.url, "/metrics")
        families = text_string_to_metric_families(answer.body.decode())
        return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}

    async def figure(self, name: str) -> float:
        """The sum of all samples of that name."""
        return sum(value for (found, _), value in (await self.page()).items() if found == name)

    async def counted(self, calls: int) -> None:
        """Until all of them are: a client has its answer a moment sooner."""

        async def are_all() -> bool:
            return await self.figure("sluice_requests_total") >= calls

        await self.until(are_all)

    async def until(self, condition, within_s: float = 10) -> None:
        """``condition`` is awaited again and again; an attempt that finds nobody does not count."""
        async with asyncio.timeout(within_s):
            while True:
                try:
                    if await condition():
                        return
                except REFUSED:
                    pass
                await asyncio.sleep(0.02)


@asynccontextmanager
async def place(folder: Path, count: int = 2, *, grace_s: float = 5, **behaviour):
    upstream = Simulator(Behaviour(**behaviour))
    config = folder / "sluice.yaml"
    async with running(upstream) as url:
        settings = {
            "server": {"shutdown_grace_s": grace_s, "notice_s": min(0.2, grace_s), "admin_key": ADMIN_KEY},
            "providers": {"sim": {"kind": "simulator", "base_url": url}},
            "models": {"m": {"targets": [{"provider": "sim", "model": "s", "price": PRICE}]}},
        }
        config.write_text(yaml.safe_dump(settings))
        async with program("tests.workers", str(config), str(count), environ={"TMPDIR": str(folder)}) as running_now:
            yield Place(running_now, upstream, config)


async def under_way(place: Place, count: int = 1) -> None:
    async with asyncio.timeout(5):
        while place.upstream.stats.open < count:  # noqa: ASYNC110  counts tell nobody
            await asyncio.sleep(0.002)


async def connected_to_each(stack: AsyncExitStack, place: Place) -> list[Client]:
    """A connection to each worker."""
    workers = {worker.pid for worker in place.workers}
    clients = {}
    async with asyncio.timeout(10):
        while clients.keys() != workers:
            client = await stack.enter_async_context(Client(place.url))
            port = client.writer.get_extra_info("sockname")[1]
            # Accepted before it is answered.
            client.get("/healthz")
            await client.answer()
            for worker in place.workers:
                if any(peer.raddr and peer.raddr.port == port for peer in worker.net_connections("tcp")):
                    clients.setdefault(worker.pid, client)
    return [clients[worker.pid] for worker in place.workers]


async def test_whoever_is_scraped_shows_the_figures_of_all(tmp_path):
    async with place(tmp_path) as here, AsyncExitStack() as stack:
        clients = await connected_to_each(stack, here)
        shares = [3, 5]
        for client, share in zip(clients, shares, strict=True):
            for _ in range(share):
                assert (await client.chat()).status == 200
        await here.counted(sum(shares))
        pages = []
        for client in clients:
            client.get("/metrics")
            pages.append((await client.answer()).body.decode())
        for page in pages:
            (line,) = re.findall(r"^sluice_requests_total\{.*\} (\S+)$", page, re.MULTILINE)
            assert float(line) == sum(shares)
            (line,) = re.findall(r"^gen_ai_server_request_duration_seconds_count\{.*\} (\S+)$", page, re.MULTILINE)
            assert float(line) == sum(shares)
            (line,) = re.findall(r"^sluice_build_info\{.*\} (\S+)$", page, re.MULTILINE)
            assert float(line) == 1
            assert "sluice_workers 2.0" in page
            assert "pid=" not in page


async def test_a_session_of_the_console_is_good_at_every_worker_and_each_shows_what_all_did(tmp_path):
    async with place(tmp_path) as here, AsyncExitStack() as stack:
        for client, share in zip(await connected_to_each(stack, here), [3, 5], strict=True):
            for _ in range(share):
                assert (await client.chat()).status == 200
        # A connection for each request: they go to whichever worker takes them.
        limits = httpx.Limits(max_keepalive_connections=0)
        browser = await stack.enter_async_context(httpx.AsyncClient(base_url=here.url, headers=OWN, limits=limits))
        assert (await sign_in(browser)).status_code == 200

        async def does_each_show_all() -> bool:
            pages = [(await browser.get("/admin/v1/live")).json() for _ in range(12)]
            return all(
                page["workers"] == 2 and sum(row["calls"] for s in page["seconds"] for row in s["models"].values()) == 8
                for page in pages
            )

        await here.until(does_each_show_all)


async def test_what_is_under_way_in_another_worker_is_on_the_page(tmp_path):
    async with place(tmp_path) as here, AsyncExitStack() as stack:
        one, other = await connected_to_each(stack, here)
        one.send(CHAT, chat(sim=f"ttft_ms={HOUR}"))
        await under_way(here)

        async def is_told() -> bool:
            other.get("/metrics")
            return b"\nsluice_calls_in_flight 1.0\n" in (await other.answer()).body

        await here.until(is_told)


async def test_many_clients_at_once_are_counted_to_the_last_one(tmp_path):
    async with place(tmp_path, 4) as here:
        seen: Counter[int] = Counter()

        async def client(count: int) -> None:
            async with Client(here.url) as client:
                for number in range(count):
                    answer = await client.chat(stream=bool(number % 2))
                    seen[answer.status] += 1

        await asyncio.gather(*(client(10) for _ in range(32)))
        await here.counted(320)
        page = await here.page()

    assert seen == {200: 320}
    requests = {labels: value for (name, labels), value in page.items() if name == "sluice_requests_total"}
    assert sum(requests.values()) == 320
    count = sum(value for (name, _), value in page.items() if name == "gen_ai_server_time_to_first_token_seconds_count")
    assert count == 160
    tokens = sum(value for (name, _), value in page.items() if name == "sluice_tokens_total")
    # A prompt of one token each.
    assert tokens == 320 * (1 + Behaviour().output_tokens)


async def test_a_worker_that_is_killed_is_replaced_and_no_counter_goes_back(tmp_path):
    async with place(tmp_path) as here:
        for _ in range(20):
            assert (await ask(here.url, CHAT, chat())).status == 200
        await here.counted(20)
        before = await here.page()
        victim, other = here.workers
        victim.kill()

        async def is_replaced() -> bool:
            return await here.figure("sluice_worker_restarts_total") == 1 and await here.figure("sluice_workers") == 2

        await here.until(is_replaced)
        after = await here.page()
        assert victim.pid not in {worker.pid for worker in here.workers}
        assert other.is_running()
        counters = [key for key in before if key[0].endswith(("_total", "_count", "_bucket", "_sum"))]
        assert len(counters) > 20
        assert [key for key in counters if after.get(key, 0.0) < before[key]] == []
        for _ in range(20):
            assert (await ask(here.url, CHAT, chat())).status == 200
        await here.counted(40)
        assert await here.figure("sluice_requests_total") == 40
    assert b"SIGKILL" in here.program.output


async def test_while_a_worker_is_away_everybody_is_served(tmp_path):
    """Who waits in its queue is served by the one that takes its place."""
    async with place(tmp_path) as here:
        here.workers[0].kill()
        answers = await asyncio.gather(*(ask(here.url, CHAT, chat()) for _ in range(40)))
        assert {answer.status for answer in answers} == {200}


async def test_told_to_stop_all_workers_let_their_calls_end(tmp_path):
    async with place(tmp_path, tokens_per_s=30, output_tokens=20) as here, AsyncExitStack() as stack:
        clients = await connected_to_each(stack, here)
        for client in clients:
            client.send(CHAT, chat(stream=True))
        await under_way(here, 2)
        here.program.terminate()
        for client in clients:
            answer = await client.answer()
            assert (answer.status, answer.events[-1]) == (200, b"[DONE]")
        assert await here.program.ended() == 0
    assert list(tmp_path.glob("sluice-metrics-*")) == []


async def test_told_twice_to_stop_all_end_at_once(tmp_path):
    async with place(tmp_path, grace_s=60) as here, AsyncExitStack() as stack:
        clients = await connected_to_each(stack, here)
        for client in clients:
            client.send(CHAT, chat(sim=f"ttft_ms={HOUR}"))
        await under_way(here, 2)
        here.program.terminate()

        async def is_leaving() -> bool:
            return (await get(here.url, "/readyz")).status == 503

        await here.until(is_leaving)
        here.program.terminate()
        for client in clients:
            answer = await client.answer()
            assert (answer.status, answer.code) == (503, "gateway_stopping")
        assert await here.program.ended() == 0


async def test_a_service_manager_that_tells_every_process_once_cuts_no_call_short(tmp_path):
    async with place(tmp_path, tokens_per_s=30, output_tokens=20) as here, AsyncExitStack() as stack:
        clients = await connected_to_each(stack, here)
        for client in clients:
            client.send(CHAT, chat(stream=True))
        await under_way(here, 2)
        for worker in here.workers:
            worker.terminate()
        here.program.terminate()
        for client in clients:
            assert (await client.answer()).events[-1] == b"[DONE]"
        assert await here.program.ended() == 0


async def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path):
    async with place(tmp_path) as here:
        workers = here.workers
        assert len(workers) == 2
        here.program.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, workers, 10)
        assert alive == []


async def test_a_change_of_the_file_reaches_all_workers_and_those_that_come_later(tmp_path):
    async with place(tmp_path) as here:
        changed = yaml.safe_load(here.config.read_text())
        changed["models"]["other"] = changed["models"]["m"]
        here.config.write_text(yaml.safe_dump(changed))
        os.kill(here.program.pid, signal.SIGHUP)

        async def is_one_configuration() -> bool:
            hashes = [labels for name, labels in await here.page() if name == "sluice_config_info"]
            answers = [await ask(here.url, CHAT, chat(model="other")) for _ in range(8)]
            return len(hashes) == 1 and {answer.status for answer in answers} == {200}

        await here.until(is_one_configuration)
        here.workers[0].kill()
        answers = [await ask(here.url, CHAT, chat(model="other")) for _ in range(16)]
        assert {answer.status for answer in answers} == {200}


async def test_an_address_that_is_taken_is_told_once(tmp_path):
    async with place(tmp_path) as here:
        port = here.url.rpartition(":")[2]
        with pytest.raises(AssertionError, match="can't listen on") as told:
            async with program("tests.workers", str(here.config), "2", port):
                pass
        assert str(told.value).count("server.port") == 1


async def test_what_no_worker_can_start_with_is_told_once_and_ends_all(tmp_path):
    taken = tmp_path / "folder"
    taken.mkdir()
    config = tmp_path / "sluice.yaml"
    config.write_text(
        json.dumps(
            {
                "state": {"url": f"sqlite:///{taken}"},
                "providers": {"sim": {"kind": "simulator"}},
                "models": {"m": {"targets": ["sim/s"]}},
            }
        )
    )
    with pytest.raises(AssertionError, match="sluice: ") as told:
        async with program("tests.workers", str(config), "3", environ={"TMPDIR": str(tmp_path)}):
            pass
    assert str(told.value).count("sluice: ") == 1
    assert list(tmp_path.glob("sluice-metrics-*")) == []
