"""A whole pipeline over a transport without a network: real router, limits, store, breakers, and a frozen clock."""

from __future__ import annotations

import itertools
import json
from random import Random

import msgspec

from gateway.core.body import JsonBody
from gateway.core.errors import UpstreamError
from gateway.core.money import NANOUSD, Price
from gateway.core.types import Call, Caller, Endpoint, Event, Model, Needs, Outcome, Route, Target
from gateway.health.breaker import Breakers
from gateway.health.vitals import Vitals
from gateway.limits.base import Consumption
from gateway.limits.book import Book
from gateway.pipeline.answer import Answer
from gateway.pipeline.ledger import Admission
from gateway.pipeline.pipeline import Pipeline
from gateway.providers import registry
from gateway.providers.base import Account
from gateway.resilience.attempt import Provider
from gateway.resilience.failover import Failover
from gateway.resilience.retry_budget import RetryBudget
from gateway.routing.router import Router
from gateway.state.memory import MemoryStore
from tests.ceilings import ceilings
from tests.clock import FrozenClock
from tests.transport import SSE, Replied, ScriptedTransport, replied

ANY = Route()
PRICE = Price(input=NANOUSD, output=10 * NANOUSD)
"""1,000 nano-dollars a token read, 10,000 a token written."""
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
COST = 7 * 1_000 + 3 * 10_000
WORST = 20 * 1_000 + 50 * 10_000
"""What is held for a call of ours: 20 tokens of input and 50 of output at most."""


def chunk(text: str | None = None, *, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    return sse({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def sse(data: object) -> bytes:
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
USAGE_FRAME = sse({"choices": [], "usage": USAGE})
MESSAGE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "a sea"}, "finish_reason": "stop"}]}


def served(*, stream: bool) -> Replied:
    """What a provider answers that serves the call."""
    if stream:
        return replied(chunk("a "), chunk("sea", finish="stop"), USAGE_FRAME, DONE, media_type=SSE)
    return replied(json.dumps({**MESSAGE, "usage": USAGE}).encode())


class Client:
    """Reads an answer to its end, or to where it breaks off."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.events: list[Event] = []
        self.error: UpstreamError | None = None

    async def __call__(self, answer: Answer) -> None:
        self.answer = answer
        try:
            while (event := await answer.read()) is not None:
                self.events.append(event)
        except UpstreamError as error:
            self.error = error

    @property
    def data(self) -> bytes:
        return b"".join(event.data for event in self.events)


class Scene:
    """The model ``m`` on the providers ``a``, ``b`` and so on, each with its own transport."""

    def __init__(
        self,
        *transports: ScriptedTransport,
        budget_usd: float = 1,
        price: Price | None = PRICE,
        route: Route = ANY,
        keeps=None,
        **limits,
    ) -> None:
        self.clock = FrozenClock()
        self.store = MemoryStore(self.clock)
        self.outcomes: list[Outcome] = []
        self.transports = transports
        self.vitals = Vitals(self.clock)
        self.breakers = Breakers(self.clock, Random(1))
        names = "abcdefgh"[: len(transports)]
        self.targets = [Target(id=f"{name}/s", provider=name, model="s", price=price) for name in names]
        budgets = [(round(budget_usd * NANOUSD), "day")] if budget_usd else []
        self.caller = Caller(key="k", scopes=(("key k", ceilings(concurrency=8, budgets=budgets)),))
        self.book = Book({f"provider {name}": ceilings(**each) for name, each in limits.items()})
        ids = itertools.count()
        self.naps: list[float] = []
        self.pipeline = Pipeline(
            router=Router(
                {"m": Model(name="m", targets=tuple(self.targets), route=route)}, self.vitals, self.breakers, Random(1)
            ),
            providers={
                name: Provider(name, registry.dialect(_account(name)), transport)
                for name, transport in zip(names, transports, strict=True)
            },
            admission=Admission(
                store=self.store,
                book=self.book,
                clock=self.clock,
                sleep=self._nap,
                new_id=lambda: f"id{next(ids)}",
                hold_wait_s=2,
            ),
            failover=Failover(
                breakers=self.breakers,
                retry_budget=RetryBudget(self.clock),
                clock=self.clock,
                sleep=self._nap,
                random=Random(1),
            ),
            vitals=self.vitals,
            breakers=self.breakers,
            observe=self.outcomes.append,
            clock=self.clock,
            max_attempts=4,
            keeps=keeps,
        )

    async def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)

    async def serve(self, *, stream: bool, respond=None, **fields) -> Client:
        client = Client()
        await self.pipeline.serve(self.call(stream=stream, **fields), respond or client)
        return client

    def call(self, *, stream: bool, **fields) -> Call:
        raw = json.dumps({"model": "m", "messages": [], "stream": stream}).encode()
        given = {
            "id": "r1",
            "endpoint": Endpoint.CHAT,
            "model": "m",
            "caller": self.caller,
            "needs": Needs(input_tokens=5, input_tokens_max=20, output_tokens_max=50),
            "received_at": self.clock.monotonic(),
        }
        body = JsonBody(raw, msgspec.json.decode(raw, type=dict[str, msgspec.Raw]))
        return Call(body=body, stream=stream, **{**given, **fields})

    async def used(self, scope: str = "key k") -> dict[str, tuple[int, int]]:
        """By measure: what is used in all, and what of it is held."""
        own = dict(self.caller.scopes).get(scope)
        limits = self.book._scopes[scope] if own is None else self.book.of_scopes([(scope, own)])
        levels = await self.store.levels([limit.claim(Consumption()) for limit in limits])
        return {limit.measure: (level.used, level.held) for limit, level in zip(limits, levels, strict=True)}

    @property
    def outcome(self) -> Outcome:
        (outcome,) = self.outcomes
        return outcome


def _account(name: str) -> Account:
    return Account(name=name, kind="openai", base_url=f"https://{name}.test/v1", api_key="sk-upstream")
