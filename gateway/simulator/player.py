"""Sends a script to a client: each piece at its time, and the end as it is written."""

from __future__ import annotations

from random import Random

from gateway.core.clock import Clock
from gateway.simulator.behaviour import Behaviour
from gateway.simulator.client import Client
from gateway.simulator.script import End, Script
from gateway.simulator.stats import Stats


class Player:
    """Plays scripts on one clock. Waits vary by the behaviour's jitter, by the dice."""

    def __init__(self, clock: Clock, dice: Random, stats: Stats) -> None:
        self._clock = clock
        self._dice = dice
        self._stats = stats

    async def play(self, script: Script, behaviour: Behaviour, client: Client) -> None:
        """Send it all. When the client goes during a wait, this is cancelled and the client ``is_gone``."""
        if script.before_head_s:
            await client.wait(self._varied(script.before_head_s, behaviour.jitter))
        if script.has_head:
            self._stats.answered(script.status)
            await client.head(script.status, self._headers(script))
            if behaviour.gap_ms:
                await client.wait(self._varied(behaviour.gap_ms / 1000, behaviour.jitter))
            await self._body(script, behaviour, client)
        if script.end is End.CUT:
            await client.hang_up()
        elif script.end is End.SILENCE:
            await client.silence()

    async def _body(self, script: Script, behaviour: Behaviour, client: Client) -> None:
        is_complete = script.end is End.COMPLETE
        if not script.interval_s or not script.is_stream:
            # Nothing to wait for between the events: one write, as the network would have joined them.
            await client.piece(b"".join(script.events), is_last=is_complete)
            return
        first, last = script.paced
        start = self._clock.monotonic()
        due_s = 0.0
        for at, event in enumerate(script.events):
            if first <= at < last:
                due_s += self._varied(script.interval_s, behaviour.jitter)
                # Reckoned from the start, so that late wake-ups don't add up to a slower pace.
                await client.wait(max(0.0, start + due_s - self._clock.monotonic()))
            await client.piece(event)
        if is_complete:
            await client.piece(b"", is_last=True)

    def _varied(self, seconds: float, jitter: float) -> float:
        return seconds * self._dice.uniform(1 - jitter, 1 + jitter) if jitter else seconds

    def _headers(self, script: Script) -> list[tuple[bytes, bytes]]:
        request_id = b"req_%024x" % self._dice.getrandbits(96)
        headers = [(b"content-type", script.content_type), (b"x-request-id", request_id), *script.headers]
        if not script.is_stream:
            length = script.promised_bytes
            if length is None:
                length = sum(map(len, script.events))
            headers.append((b"content-length", b"%d" % length))
        return headers
