"""budgets: money in a window of the calendar."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from gateway.core.ceilings import Outage, Window
from gateway.core.money import usd
from gateway.limits.base import Consumption
from gateway.limits.scope import counter_key, named
from gateway.state.base import Claim, Spend


class Budget(msgspec.Struct, frozen=True):
    """At most so many nano-dollars a window. Never clamped: what does not fit at its worst is not begun."""

    measure: ClassVar[str] = "budget"
    scope: str
    rule: Spend
    key: str

    @classmethod
    def of(cls, scope: str, nanousd: int, per: Window, on_outage: Outage = "local") -> Budget:
        # Its amount is no part of the key: a budget that is changed goes on from what was spent.
        return cls(scope=scope, rule=Spend(nanousd, per, on_outage), key=counter_key(scope, f"usd:{per}"))

    @property
    def name(self) -> str:
        window = "total" if self.rule.per == "total" else f"per {self.rule.per}"
        return f"the ${usd(self.rule.limit)} {window} budget of {named(self.scope)}"

    def amount(self, consumption: Consumption) -> int:
        return consumption.cost_nanousd

    def claim(self, worst: Consumption) -> Claim:
        return Claim(self.key, self.rule, worst.cost_nanousd)
