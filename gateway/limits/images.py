"""images_per_minute: images produced a minute."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from gateway.core.ceilings import Outage
from gateway.limits.base import Consumption
from gateway.limits.scope import counter_key, named
from gateway.state.base import Claim, Rate


class ImagesPerMinute(msgspec.Struct, frozen=True):
    """At most so many images a minute, each of a request's ``n`` for one."""

    measure: ClassVar[str] = "images"
    scope: str
    rule: Rate
    key: str

    @classmethod
    def of(cls, scope: str, images_per_minute: int, on_outage: Outage = "local") -> ImagesPerMinute:
        return cls(scope=scope, rule=Rate(images_per_minute, on_outage=on_outage), key=counter_key(scope, "images"))

    @property
    def name(self) -> str:
        return f"images_per_minute of {named(self.scope)}"

    def amount(self, consumption: Consumption) -> int:
        return consumption.images

    def claim(self, worst: Consumption) -> Claim:
        # Held at most whole, as with tokens: n=4 passes under a limit of 2, and leaves a debt.
        return Claim(self.key, self.rule, min(worst.images, self.rule.limit or worst.images))
