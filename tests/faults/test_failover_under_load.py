"""The first of two providers dies, hangs, slows down or answers errors under load: clients notice nothing.

Each provider is a process of its own. The load: 64 streams at any time and 200 whole calls a second.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.client import CHAT, Answer, Client, ask, chat
from tests.faults.scene import PRICE
from tests.processes import Program, simulator
from tests.serving import Serving, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAMS = 64
RATE = 200
TOKENS = 20
PACE = 40
"""Tokens a second: a stream lasts half a second."""
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


class Stream:
    """One streamed call as its client saw it."""

    def __init__(self, status: int, events: list[bytes], *, is_whole: bool) -> None:
        self.status = status
        self.events = events
        self.is_whole = is_whole
        """The reply came to its proper end as HTTP has it, whatever it said."""

    @property
    def error(self) -> dict | None:
        """What the last event says, if it is an error."""
        return json.loads(self.events[-1]).get("error") if self.events and self.events[-1] != b"[DONE]" else None


class Load:
    """Keeps asking until it is told to stop, and keeps what came back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.whole: list[Answer] = []
        self.streams: list[Stream] = []
        self._is_over = False

    async def run(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._stop)
        await asyncio.gather(self._whole_calls(), *(self._streaming(number) for number in range(STREAMS)))

    def _stop(self) -> None:
        self._is_over = True

    async def _whole_calls(self) -> None:
        calls = set()
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._is_over:
            calls.add(asyncio.create_task(self._call()))
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))
        await asyncio.gather(*calls)

    async def _call(self) -> None:
        self.whole.append(await ask(self.url, CHAT, chat(sim="tokens_per_s=400")))

    async def _streaming(self, number: int) -> None:
        await asyncio.sleep(number / STREAMS * TOKENS / PACE)
        async with Client(self.url) as client:
            while not self._is_over:
                self.streams.append(await self._stream(client))

    async def _stream(self, client: Client) -> Stream:
        client.send(CHAT, chat(stream=True))
        head = await client.head()
        data, is_whole = b"", False
        try:
            async for piece in client.chunks():
                data += piece
            is_whole = True
        except asyncio.IncompleteReadError:
            pass
        events = Answer(head.status, head.headers, data).events
        return Stream(head.status, events, is_whole=is_whole)


def seen(load: Load) -> None:
    """What holds whatever happened: nobody is refused, nothing is cut off in silence."""
    assert {answer.status for answer in load.whole} == {200}
    assert all(answer.json["choices"][0]["message"]["content"] for answer in load.whole)
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
