"""The first of two providers dies, hangs, slows down or answers errors under load: clients notice nothing.

Each provider is a process of its own. The load: 64 streams at any time and 200 whole calls a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.client import ask
from tests.faults.scene import PRICE
from tests.load import PACE, RATE, STREAMS, TOKENS, Load
from tests.processes import Program, simulator
from tests.serving import Serving, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEALTHY = {"status": None, "stall": False, "close": False, "stall_after": None}


class Pair:
    """A gateway in front of two providers, the first of which is asked first."""

    def __init__(self, serving: Serving, first: Program, second: Program) -> None:
        self.serving = serving
        self.url = serving.url
        self.first = first
        self.second = second

    @property
    def outcomes(self):
        return self.serving.outcomes

    async def behave(self, options: Mapping[str, object]) -> None:
        """Change how the first provider behaves, from its next request on."""
        root = self.first.url.removesuffix("/v1")
        assert (await ask(root, "/_sim/behaviour", options)).status == 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def providers() -> AsyncIterator[list[Program]]:
    usual = [f"--tokens-per-s={PACE}", f"--output-tokens={TOKENS}", "--ttft-ms=5"]
    async with simulator(*usual) as first, simulator(*usual) as second:
        yield [first, second]


@pytest_asyncio.fixture(loop_scope="module")
async def pair(providers: list[Program]) -> AsyncIterator[Pair]:
    names = ("first", "second")
    config = {
        "providers": {
            name: {"kind": "simulator", "base_url": provider.url}
            for name, provider in zip(names, providers, strict=True)
        },
        "models": {
            "m": {
                "targets": [{"provider": name, "model": "s", "price": PRICE} for name in names],
                "timeouts": {"first_byte": 0.3, "idle": 0.5},
            }
        },
    }
    async with serving(config) as gateway:
        yield Pair(gateway, *providers)


def seen(load: Load) -> None:
    """What holds whatever happened: nobody is refused, nothing is cut off in silence."""
    assert {call.answer.status for call in load.calls} == {200}
    assert all(call.answer.json["choices"][0]["message"]["content"] for call in load.calls)
    assert {stream.status for stream in load.streams} == {200}
    for stream in load.streams:
        assert stream.is_whole
        assert stream.events[-1] == b"[DONE]" or stream.error is not None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [({"status": 500}, "server_error"), ({"stall": True}, "first_byte_timeout"), ({"close": True}, "closed")],
    ids=["errors", "hangs", "closes"],
)
async def test_a_provider_fails_while_it_lives(pair, fault, reason):
    await pair.behave(HEALTHY)
    load = Load(pair.url)
    running = asyncio.create_task(load.run(0.9))
    await asyncio.sleep(0.4)
    await pair.behave(fault)
    await running

    seen(load)
    assert [stream.error for stream in load.streams if stream.error] == [], "none was cut off in the middle"
    reasons = {attempt.error for outcome in pair.outcomes for attempt in outcome.attempts}
    assert reasons == {None, reason}
    assert {outcome.provider for outcome in pair.outcomes} == {"first", "second"}


async def test_a_provider_falls_silent_in_the_middle_of_its_replies(pair):
    await pair.behave(HEALTHY)
    load = Load(pair.url)
    running = asyncio.create_task(load.run(0.6))
    await asyncio.sleep(0.2)
    await pair.behave({"stall_after": 5})
    await running

    seen(load)
    broken = [stream for stream in load.streams if stream.error is not None]
    assert broken
    assert all(len(stream.events) == 6 for stream in broken), "what came is passed on, then the error"
    assert {outcome.error for outcome in pair.outcomes} <= {None, "idle_timeout"}


async def test_a_provider_is_killed(pair):
    # The last test here: nobody brings it back.
    await pair.behave(HEALTHY)
    load = Load(pair.url)
    running = asyncio.create_task(load.run(3.6))
    await asyncio.sleep(0.8)
    assert all(outcome.provider == "first" for outcome in pair.outcomes)
    before = len(pair.outcomes)
    killed_at = time.time()
    pair.first.kill()
    await running

    seen(load)
    broken = [stream for stream in load.streams if stream.error is not None]
    assert 0 < len(broken) <= STREAMS, "those that were under way, and no other"
    assert {stream.error["code"] for stream in broken} == {"upstream_error"}
    assert all(len(stream.events) > 1 for stream in broken), "who had not received a byte got all of it"

    after = pair.outcomes[before:]
    assert sum(outcome.error is not None for outcome in after) == len(broken)
    assert any(outcome.provider == "second" and len(outcome.attempts) > 1 for outcome in after)
    late = [outcome for outcome in after if outcome.at > killed_at + 2]
    assert len(late) > RATE / 2
    assert {attempt.provider for outcome in late for attempt in outcome.attempts} == {"second"}
