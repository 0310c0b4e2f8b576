"""The load of many clients: 64 streams at any time, and 200 whole calls a second."""

from __future__ import annotations

import asyncio
import json
import time

import msgspec

from tests.client import CHAT, Answer, Client, ask, chat

STREAMS = 64
RATE = 200
TOKENS = 20
PACE = 40
"""Tokens a second: a stream lasts half a second."""


class Call(msgspec.Struct, frozen=True):
    """One whole call as its client saw it."""

    at: float
    """Seconds since the epoch, when it began."""
    took_s: float
    answer: Answer


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
        self.calls: list[Call] = []
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
        at, began = time.time(), time.perf_counter()
        answer = await ask(self.url, CHAT, chat(sim="tokens_per_s=400"))
        self.calls.append(Call(at, time.perf_counter() - began, answer))

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
