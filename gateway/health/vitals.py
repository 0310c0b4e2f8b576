"""What targets did lately: how often they succeed, how fast they answer, how much they say, how busy they are.

One process, on the event loop: no locks. Fed by every attempt, read by routing; nothing here decides anything.

Latency is a peak-EWMA (Finagle's ``PeakEwma``, tower's ``load::PeakEwma``): a slower observation counts at once, faster
ones win it back over about ten seconds. So the first slow answer moves traffic away, not the tenth.
"""

from __future__ import annotations

from collections.abc import Collection
from math import exp

import msgspec

from gateway.core.clock import Clock

LATENCY_MEMORY_S = 10.0
"""Time constant in which faster answers outweigh a peak; Finagle's default."""
SUCCESS_MEMORY_S = 60.0
"""Time constant in which successes and failures are forgotten."""
PRIOR_SUCCESSES = 2.0
"""What a target starts with and falls back to: new and long unseen targets count as good, or they'd get no traffic."""
TOKENS_WEIGHT = 0.1
"""The share of the newest reply in the expected output tokens."""
WHOLE_BASE_TOKENS = 50
"""A whole reply's fixed part (network, queue, prompt), in tokens' time. One duration can't tell its fixed part from its
pace, and a plain average would blame the target that happened to write the longer answers."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """How a target stands for one mode, streamed or whole; None where nothing was seen.

    A reply of n tokens is expected to take ``ttft_s + n * per_token_s``, in both modes.
    """

    success_rate: float = 1.0
    """0 to 1, of the target in both modes."""
    ttft_s: float | None = None
    per_token_s: float | None = None
    output_tokens: float | None = None
    """Expected of one reply, whatever the mode."""
    in_flight: int = 0
    """Attempts under way, in both modes."""
    idle_s: float | None = None
    """Since an attempt in this mode last ended with something learnt; None for never."""


class _Latency:
    """Peak-EWMA of one target in one mode."""

    __slots__ = ("per_token_s", "seen_at", "ttft_s")

    def __init__(self) -> None:
        self.ttft_s: float | None = None
        self.per_token_s: float | None = None
        self.seen_at: float | None = None

    def learn(self, now: float, ttft_s: float, per_token_s: float | None) -> None:
        seen_at = self.seen_at
        fade = 0.0 if seen_at is None else exp((seen_at - now) / LATENCY_MEMORY_S)
        self.ttft_s = _peak(self.ttft_s, ttft_s, fade)
        if per_token_s is not None:
            self.per_token_s = _peak(self.per_token_s, per_token_s, fade)
        self.seen_at = now


class _Pulse:
    """One target: what both modes share, and the latency of each."""

    __slots__ = ("bad", "counted_at", "good", "in_flight", "output_tokens", "streamed", "whole")

    def __init__(self, now: float) -> None:
        self.good = 0.0
        self.bad = 0.0
        self.counted_at = now
        self.in_flight = 0
        self.output_tokens: float | None = None
        self.streamed = _Latency()
        self.whole = _Latency()

    def count(self, now: float, *, ok: bool) -> None:
        fade = exp((self.counted_at - now) / SUCCESS_MEMORY_S)
        self.good *= fade
        self.bad *= fade
        self.counted_at = now
        if ok:
            self.good += 1.0
        else:
            self.bad += 1.0

    def success_rate(self, now: float) -> float:
        if not self.bad:
            return 1.0
        fade = exp((self.counted_at - now) / SUCCESS_MEMORY_S)
        good = self.good * fade + PRIOR_SUCCESSES
        return good / (good + self.bad * fade)


_NEVER = Reading()


class Vitals:
    """What every target did lately, by target id and mode."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic
        self._pulses: dict[str, _Pulse] = {}

    def began(self, target_id: str, streamed: bool) -> None:  # noqa: ARG002, FBT001  mirrors ended; the mode is an address
        """An attempt is under way; exactly one ``ended`` must follow, whatever becomes of it."""
        pulse = self._pulses.get(target_id)
        if pulse is None:
            pulse = self._pulses[target_id] = _Pulse(self._now())
        pulse.in_flight += 1

    def ended(
        self,
        target_id: str,
        streamed: bool,  # noqa: FBT001  half of the address, not an option
        *,
        ok: bool | None,
        ttft_s: float | None,
        duration_s: float,
        output_tokens: int,
    ) -> None:
        """An attempt is over.

        ``ok`` is None for what says nothing about the target's health: the client hung up, or its request was wrong.
        ``ttft_s`` runs from the attempt's start to the first event, None if none came; a whole reply has only its
        ``duration_s``. Time spent waiting for a slow client must not be in ``duration_s``.
        """
        now = self._now()
        pulse = self._pulses.get(target_id)
        if pulse is None:
            pulse = self._pulses[target_id] = _Pulse(now)
        elif pulse.in_flight:
            pulse.in_flight -= 1
        latency = pulse.streamed if streamed else pulse.whole
        if ok is not None:
            pulse.count(now, ok=ok)
        if not ok:
            _learn_at_least(pulse, latency, now, duration_s if ttft_s is None or not streamed else ttft_s, ok=ok)
            return
        expected = pulse.output_tokens
        pulse.output_tokens = (
            float(output_tokens) if expected is None else expected + TOKENS_WEIGHT * (output_tokens - expected)
        )
        if streamed and ttft_s is not None:
            # The first token came with the TTFT; a reply of one token tells no pace.
            pace = max(duration_s - ttft_s, 0.0) / (output_tokens - 1) if output_tokens > 1 else None
            latency.learn(now, ttft_s, pace)
        else:
            pace = duration_s / (output_tokens + WHOLE_BASE_TOKENS)
            latency.learn(now, pace * WHOLE_BASE_TOKENS, pace)

    def reading(self, target_id: str, streamed: bool) -> Reading:  # noqa: FBT001  half of the address, not an option
        """How the target stands now, for calls of this mode."""
        pulse = self._pulses.get(target_id)
        if pulse is None:
            return _NEVER
        now = self._now()
        latency = pulse.streamed if streamed else pulse.whole
        seen_at = latency.seen_at
        return Reading(
            pulse.success_rate(now),
            latency.ttft_s,
            latency.per_token_s,
            pulse.output_tokens,
            pulse.in_flight,
            None if seen_at is None else now - seen_at,
        )

    def retain(self, target_ids: Collection[str]) -> None:
        """Forget every target but these: after a change of configuration, or the table would only grow."""
        self._pulses = {id: pulse for id, pulse in self._pulses.items() if id in target_ids}

    def __repr__(self) -> str:
        return f"<Vitals of {len(self._pulses)} targets>"


def _learn_at_least(pulse: _Pulse, latency: _Latency, now: float, waited_s: float, *, ok: bool | None) -> None:
    """Learn from an attempt without a whole reply: it would have taken at least ``waited_s``.

    That can raise an estimate, never lower it: a target that refuses in a millisecond is not fast. Nor may a failure
    make the first estimate; a hang-up may, or a target that clients give up on would stay unseen, hence tried first.
    """
    latency.seen_at = now
    if latency.ttft_s is None:
        if ok is None:
            latency.ttft_s = waited_s
        return
    # A stream's wait ends with its first word, a whole reply's with its last.
    tokens = (pulse.output_tokens or 0.0) if latency is pulse.whole else 0.0
    pace = latency.per_token_s or 0.0
    if waited_s <= latency.ttft_s + tokens * pace:
        return
    if tokens and pace:
        latency.per_token_s = waited_s / (tokens + WHOLE_BASE_TOKENS)
        latency.ttft_s = latency.per_token_s * WHOLE_BASE_TOKENS
    else:
        latency.ttft_s = waited_s


def _peak(known: float | None, seen: float, fade: float) -> float:
    """``seen`` if it is slower than what is known, else what is known moved towards it; ``fade`` of 1 moves nothing."""
    if known is None or seen >= known:
        return seen
    return seen + (known - seen) * fade
