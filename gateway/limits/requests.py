"""rpm: calls a minute; of a provider, the requests that are sent to it."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from gateway.core.ceilings import Outage
from gateway.limits.base import Consumption
from gateway.limits.scope import counter_key, named
from gateway.state.base import Claim, Rate


class RequestsPerMinute(msgspec.Struct, frozen=True):
    """At most so many calls a minute; each counts when it begins."""

    measure: ClassVar[str] = "requests"
    scope: str
    rule: Rate
    key: str
    one: Claim

    @classmethod
    def of(cls, scope: str, rpm: int, on_outage: Outage = "local") -> RequestsPerMinute:
        rule, key = Rate(rpm, on_outage=on_outage), counter_key(scope, "rpm")
        return cls(scope=scope, rule=rule, key=key, one=Claim(key, rule, 1))

    @property
    def name(self) -> str:
        return f"rpm of {named(self.scope)}"

    def amount(self, consumption: Consumption) -> int:
        return consumption.requests

    def claim(self, worst: Consumption) -> Claim:
        # The one claim that nearly every call makes is made once, here.
        if worst.requests == 1:
            return self.one
        # Held at most whole, as with tokens: ten requests for ten images pass under a limit of 5, and leave a debt.
        return Claim(self.key, self.rule, min(worst.requests, self.rule.limit or worst.requests))
