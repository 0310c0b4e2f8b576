"""One request, top to bottom.

The order is the point of this file, so here it stands once, with the reason for each place:

1. order    first, since it is pure: a call that no target can serve takes nothing from anyone, and the worst case is
            reckoned over the targets that may really serve it.
2. hold     before the first byte goes upstream, all claims or none: money is never promised twice.
3. attempt  down the list until one event has come; each target's own limits are held with it. More images than a
            target makes at once are several requests, and one attempt.
4. respond  the edge reads the reply through the meter, so what was used is known at each moment.
5. leave    whatever happened. Nothing in it waits: a hang-up can't cut it short, because there is nothing to cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from gateway.core.clock import Clock
from gateway.core.errors import Reason, UpstreamError
from gateway.core.payload import Payload
from gateway.core.trace import in_context
from gateway.core.types import Call, Endpoint, Outcome, Target
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.limits.estimate import worst_case
from gateway.pipeline.answer import Answer
from gateway.pipeline.bill import NOTHING_OWED, bill_of_cut_off
from gateway.pipeline.ledger import Admission, Ledger
from gateway.pipeline.meter import Meter
from gateway.pipeline.record import Record
from gateway.resilience.attempt import Provider, Reply, attempt
from gateway.resilience.course import Course
from gateway.resilience.failover import Failover
from gateway.resilience.fan_out import Gathered, encoded, fan_out, split
from gateway.routing.router import Router

LARGE_BODY = 1024 * 1024
"""A body above this is translated in a thread: of 20 MB each copy takes up to 10 ms, and there are three. The loop has
its turns between them."""

Respond = Callable[[Answer], Awaitable[None]]

Observe = Callable[[Outcome], None]

Keeps = Callable[[Call], int]
"""How many bytes of a call's request, and of its reply, are to be kept for the observers; 0 for none."""


class Pipeline:
    """Serves calls; one for each configuration in force."""

    def __init__(
        self,
        *,
        router: Router,
        providers: Mapping[str, Provider],
        admission: Admission,
        failover: Failover,
        vitals: Vitals,
        breakers: Breakers,
        observe: Observe,
        clock: Clock,
        max_attempts: int,
        keeps: Keeps | None = None,
    ) -> None:
        """Without ``keeps``, nothing of any call's content is kept."""
        self._router = router
        self._providers = providers
        self._admission = admission
        self._failover = failover
        self._vitals = vitals
        self._breakers = breakers
        self._observe = observe
        self._clock = clock
        self._max_attempts = max_attempts
        self._keeps = keeps

    async def serve(self, call: Call, respond: Respond) -> None:
        """Serve ``call``: ``respond`` is given the answer once its first event has come, and reads it to its end.

        Raises CallError if nothing was responded. Cancelled (the client hung up), it lets go of everything at once.
        """
        record = Record(call, self._clock.time())
        if self._keeps is not None and (max_bytes := self._keeps(call)):
            record.payload = Payload(call.body, max_bytes)
        ledger: Ledger | None = None
        meter: Meter | None = None
        try:
            limits = self._admission.book.of_call(call)
            decision = self._router.decide(call, under_budget=limits.has_budget)
            targets = [ranked.target for ranked in decision.ranked]
            deadline = call.received_at + targets[0].timeouts.total
            ledger = Ledger(self._admission, limits, worst_case(call, targets), deadline)
            course = Course(
                targets,
                max_attempts=self._max_attempts,
                route=decision.ranked[0].route,
                are_last_resorts=decision.ranked[0].is_last_resort,
            )
            ask = partial(self._ask, record, ledger, course, deadline)
            try:
                meter = await self._failover.first(course, ask, deadline)
            finally:
                record.waited_s += course.paused_s
            record.served_by = meter.target
            record.ttft_s = self._clock.monotonic() - call.received_at
            await respond(Answer(record, decision, ledger, meter, self._clock))
        except BaseException as error:
            record.fail(error)
            raise
        finally:
            self._leave(record, ledger, meter)

    async def _ask(self, record: Record, ledger: Ledger, course: Course, deadline: float, target: Target) -> Meter:
        """One attempt on ``target``, noted from its start."""
        provider, call, clock = self._providers[target.provider], record.call, self._clock
        parts = split(call, target)
        # First, since a request that the provider's format can't say takes nothing and is nobody's failure.
        if call.body.size > LARGE_BODY:
            requests = await asyncio.to_thread(encoded, provider.dialect, parts, target)
        else:
            requests = encoded(provider.dialect, parts, target)
        await ledger.admit(target, len(requests))
        trial = record.begin(target, clock, self._vitals)
        if call.trace is not None:
            requests = [in_context(request, call.trace, trial.span_id) for request in requests]
        reply: Reply | Gathered
        try:
            if len(requests) == 1:
                reply = await attempt(provider, call, target, requests[0], deadline=deadline, clock=clock)
                if call.endpoint is Endpoint.CHAT and course.goes_on_if_filtered:
                    await _refuse_filtered(reply)
            else:
                reply = await fan_out(provider, call, target, parts, requests, deadline=deadline, clock=clock)
        except UpstreamError as error:
            trial.end(error)
            ledger.give_back()
            record.waited_s += clock.monotonic() - trial.began_at
            raise
        trial.has_answered(reply.status)
        return Meter(call, target, reply, clock, record.at, payload=record.payload)

    def _leave(self, record: Record, ledger: Ledger | None, meter: Meter | None) -> None:
        """Give everything back, whatever happened. Plain code: it runs to its end in one go, hang-up or not."""
        bill = NOTHING_OWED
        if meter is not None:
            meter.close()
            bill = meter.bill
            if meter.error is not None:
                self._breakers.record(meter.target.id, meter.error)
        elif record.was_abandoned and (cut_off := record.running_target) is not None:
            bill = bill_of_cut_off(record.call, cut_off, record.at)
        record.end(meter, bill)
        if ledger is not None:
            ledger.settle(bill.consumption)
        self._observe(record.outcome(bill, ledger, now=self._clock.monotonic()))


async def _refuse_filtered(reply: Reply) -> None:
    """Let go of a reply that a content filter ended before it said anything: raises UpstreamError (CONTENT_FILTER)."""
    try:
        is_filtered = await reply.is_filtered()
    except BaseException:
        reply.close()
        raise
    if is_filtered:
        reply.close()
        raise UpstreamError(Reason.CONTENT_FILTER, "the provider's content filter ended the reply", status=reply.status)
