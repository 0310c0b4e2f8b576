"""Two real gateways on one real Redis, callers who don't give up, and a witness who looks at every counter."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Self

import redis
import yaml

from gateway.core.money import NANOUSD
from tests.client import Answer, Client
from tests.processes import Program, gateway, simulator
from tests.redis_server import RedisServer

KEY = "sk-fleet-0123456789abcdef"
CALLERS = 400
WORST_TOKENS = 1_000
WORST_NANOUSD = 10_000_000
"""A cent a call at worst."""
DOLLAR = {"usd": 1, "per": "day"}
OVER = (OSError, asyncio.IncompleteReadError)
"""What a caller sees of a gateway that was killed."""


def config(
    upstream: str, store: str, folder: Path, *, on_outage: str, lease_s: float, limits: dict[str, Any]
) -> dict[str, Any]:
    """A dollar for key, team and all together. With ``limits`` by scope (``{"key": {"rpm": 5}}``) those hold too, and
    a dollar for the model and the provider.
    """
    budgeted = ("key", "team", "global", "model", "provider") if limits else ("key", "team", "global")
    scopes = {scope: {"budgets": [DOLLAR], "limits": limits.get(scope, {})} for scope in budgeted}
    return {
        "server": {"hold_wait_s": 2, "notice_s": 0, "shutdown_grace_s": 10},
        "state": {
            "url": store,
            "on_outage": on_outage,
            "lease_s": lease_s,
            "replicas": 2,
            "journal": str(folder / "journal.db"),
        },
        "providers": {"sim": {"kind": "simulator", "base_url": upstream, **scopes.get("provider", {})}},
        "models": {
            "m": {
                "targets": [{"provider": "sim", "model": "s", "price": {"input": 0, "output": 10}}],
                **scopes.get("model", {}),
            }
        },
        "global": scopes["global"],
        "teams": {"t": scopes["team"]},
        "keys": [{"name": "k", "key": KEY, "team": "t", **scopes["key"]}],
    }


class Witness:
    """Reads what Redis holds, again and again, in a thread: what it saw is all that ever was there."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.most: dict[str, int] = {}
        """The most that was spent and held at once, by budget."""
        self.most_slots: dict[str, int] = {}
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def spends(self, client: redis.Redis | None = None) -> dict[str, tuple[int, int]]:
        """What is spent and held of each budget, by its key."""
        client = client or self._server.client()
        found = {}
        for key in client.scan_iter("sluice:*:usd:*", count=1_000):
            spent, held = client.hmget(key, "spent", "held")
            found[key.decode()] = int(spent or 0), int(held or 0)
        return found

    def charged_at_worst(self) -> int:
        """How many reservations nobody settled in time."""
        client = self._server.client()
        return sum(client.hlen(key) for key in client.scan_iter("sluice:*:late", count=1_000))

    def _watch(self) -> None:
        client = self._server.client()
        while not self._stop.wait(0.002):
            try:
                for key, (spent, held) in self.spends(client).items():
                    self.most[key] = max(self.most.get(key, 0), spent + held)
                for key in client.scan_iter("sluice:*:concurrency*", count=1_000):
                    scope = key.decode().removeprefix("sluice:").strip("{").partition(":")[0]
                    self.most_slots[scope] = max(self.most_slots.get(scope, 0), client.zcard(key))
                self.looks += 1
            except redis.RedisError:
                client = self._server.client()


class Fleet:
    """The gateways, and what came of every call."""

    def __init__(self, server: RedisServer, gateways: list[Program], witness: Witness) -> None:
        self.server = server
        self.gateways = gateways
        self.witness = witness
        self.answers: list[Answer] = []
        self.lost = 0
        """Calls whose gateway was killed under them."""
        self.dead: set[int] = set()

    @property
    def served_nanousd(self) -> int:
        """What callers were told that their whole replies cost."""
        costs = [answer.headers["x-sluice-cost-usd"] for answer in self.answers if answer.status == 200]
        return sum(round(float(cost) * NANOUSD) for cost in costs)

    async def spend(self, *, fault: Callable[[], Awaitable[None]], at_nanousd: int = 0, callers: int = CALLERS) -> None:
        """Callers ask until the money is used up. ``fault`` happens once, when so much has been served."""
        tasks = [asyncio.create_task(self._until_the_end(Random(seed), seed)) for seed in range(callers)]
        while self.served_nanousd < at_nanousd:  # noqa: ASYNC110  callers tell nobody
            await asyncio.sleep(0.005)
        await fault()
        await asyncio.gather(*tasks)

    async def settled(self, within_s: float) -> dict[str, int]:
        """What was spent of each budget, once nothing is held any more."""
        async with asyncio.timeout(within_s):
            while any(held for _, held in self.witness.spends().values()):  # noqa: ASYNC110  Redis tells nobody
                await asyncio.sleep(0.02)
        return {key: spent for key, (spent, _) in self.witness.spends().items()}

    async def stop(self) -> None:
        """SIGTERM to those that live, until they have ended."""
        alive = [program for index, program in enumerate(self.gateways) if index not in self.dead]
        for program in alive:
            program.terminate()
        assert await asyncio.gather(*(program.ended() for program in alive)) == [0] * len(alive)

    async def _until_the_end(self, dice: Random, number: int) -> None:
        """As SDKs are: asks again when told to, stops when told that the money is used up."""
        while True:
            number += 1
            alive = [index for index in range(len(self.gateways)) if index not in self.dead]
            index = alive[number % len(alive)]
            sim = f"output_tokens={dice.randint(50, 350)}"
            try:
                async with Client(self.gateways[index].url, KEY) as client:
                    answer = await client.chat(max_tokens=WORST_TOKENS, sim=sim)
            except OVER:
                assert index in self.dead, "a gateway that lives lost a call"
                self.lost += 1
                continue
            self.answers.append(answer)
            if answer.status == 429 and answer.headers.get("x-should-retry") == "false":
                return
            if answer.status != 200:
                await asyncio.sleep(dice.uniform(0.05, 0.15))

    def kill(self, index: int) -> None:
        self.dead.add(index)
        self.gateways[index].kill()


def outcomes(programs: list[Program]) -> list[dict[str, Any]]:
    """The log lines of all calls that came to an end; known when the programs have ended."""
    lines = [line for program in programs for line in program.output.splitlines() if line.startswith(b"{")]
    found = []
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # cut off by a kill
        if "cost_nanousd" in said:
            found.append(said)
    return found


@asynccontextmanager
async def fleet(
    folder: Path, *, on_outage: str = "closed", lease_s: float = 15, limits: dict[str, Any] | None = None
) -> AsyncIterator[Fleet]:
    """Two gateways, each with a folder of its own."""
    with RedisServer(appendonly=True) as server:
        async with AsyncExitStack() as running:
            upstream = await running.enter_async_context(simulator("--ttft-ms=100", "--jitter=0.5"))
            programs = []
            for number in range(2):
                own = folder / f"gateway-{number}"
                own.mkdir()
                path = own / "sluice.yaml"
                said = config(upstream.url, server.url, own, on_outage=on_outage, lease_s=lease_s, limits=limits or {})
                path.write_text(yaml.safe_dump(said))
                programs.append(await running.enter_async_context(gateway(path)))
            with Witness(server) as witness:
                yield Fleet(server, programs, witness)
