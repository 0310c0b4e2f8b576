"""A router over real vitals and breakers, with a clock that stands still and dice that are known."""

from __future__ import annotations

from random import Random

from gateway.core.body import JsonBody
from gateway.core.errors import Reason, UpstreamError
from gateway.core.money import Price, nanousd
from gateway.core.types import Call, Caller, Endpoint, Model, Needs, Route, Target
from gateway.core.wish import NO_WISH
from gateway.health.breaker import BreakerPolicy, Breakers
from gateway.health.vitals import Vitals
from gateway.routing.ask import Ask, narrow
from gateway.routing.router import Router
from tests.clock import FrozenClock


def usd_price(input="1", output="1", **rest):
    """A price from USD a million tokens."""
    rates = {"input": input, "output": output, "image_input": input, **rest}
    return Price(**{name: nanousd(rate) for name, rate in rates.items()})


def target(id="openai/gpt", **rest):
    provider, model = id.split("/", 1)
    return Target(id=id, provider=provider, model=model, **rest)


def call(model="m", *, needs=None, caller=None, wish=NO_WISH, endpoint=Endpoint.CHAT, stream=False, fields=None):
    return Call(
        id="r1",
        endpoint=endpoint,
        model=model,
        caller=caller or Caller(key="ci"),
        body=JsonBody(b"{}", fields or {}),
        needs=needs or Needs(input_tokens=1_000),
        stream=stream,
        wish=wish,
    )


class Scene:
    def __init__(self, *models, off=(), budgeted=(), seed=1):
        self.clock = FrozenClock()
        self.vitals = Vitals(self.clock)
        self.breakers = Breakers(self.clock, Random(seed), BreakerPolicy(jitter=0.0))
        self.models = {model.name: model for model in models}
        given = {"off": frozenset(off), "budgeted": frozenset(budgeted)}
        self.router = Router(self.models, self.vitals, self.breakers, Random(seed), **given)

    def ask(self, call_, route=None, *, off=(), under_budget=False):
        route = narrow(route or Route(), call_)
        return Ask(call_, route, self.vitals, self.breakers, frozenset(off), under_budget)

    def decide(self, call_=None, **options):
        return self.router.decide(call_ or call(), **options)

    def order(self, call_=None, **options):
        return [ranked.target.id for ranked in self.decide(call_, **options).ranked]

    def reply(self, id, *, ok=True, streamed=False, duration_s=1.0, ttft_s=None, output_tokens=100, times=1):
        for _ in range(times):
            self.vitals.began(id, streamed)
            self.vitals.ended(id, streamed, ok=ok, ttft_s=ttft_s, duration_s=duration_s, output_tokens=output_tokens)

    def open_breaker(self, id, retry_after_s=None):
        reason = Reason.SERVER_ERROR if retry_after_s is None else Reason.RATE_LIMITED
        for _ in range(5 if retry_after_s is None else 1):
            self.breakers.record(id, UpstreamError(reason, "no", retry_after_s=retry_after_s))


def model(*targets, name="m", by="ordered", fallbacks=(), **route):
    return Model(name=name, targets=targets, route=Route(by=by, **route), fallbacks=fallbacks)
