"""concurrency: calls at once."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from gateway.core.ceilings import Outage
from gateway.limits.base import Consumption
from gateway.limits.scope import counter_key, named
from gateway.state.base import Claim, Slots


class Concurrency(msgspec.Struct, frozen=True):
    """At most so many calls at once, a stream until it ends."""

    measure: ClassVar[str] = "concurrency"
    scope: str
    rule: Slots
    key: str
    one: Claim

    @classmethod
    def of(cls, scope: str, concurrency: int, on_outage: Outage = "local") -> Concurrency:
        rule, key = Slots(concurrency, on_outage=on_outage), counter_key(scope, "concurrency")
        return cls(scope=scope, rule=rule, key=key, one=Claim(key, rule, 1))

    @property
    def name(self) -> str:
        return f"concurrency of {named(self.scope)}"

    def amount(self, consumption: Consumption) -> int:  # noqa: ARG002  a call is one call
        return 1

    def claim(self, worst: Consumption) -> Claim:  # noqa: ARG002  a call is one call
        return self.one
