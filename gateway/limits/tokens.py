"""tpm: tokens a minute, read and written."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from gateway.core.ceilings import Outage
from gateway.limits.base import Consumption
from gateway.limits.scope import counter_key, named
from gateway.state.base import Claim, Rate


class TokensPerMinute(msgspec.Struct, frozen=True):
    """At most so many tokens a minute: what a call may use is held, what it did use is settled."""

    measure: ClassVar[str] = "tokens"
    scope: str
    rule: Rate
    key: str

    @classmethod
    def of(cls, scope: str, tpm: int, on_outage: Outage = "local") -> TokensPerMinute:
        return cls(
            scope=scope,
            rule=Rate(tpm, on_outage=on_outage),
            key=counter_key(scope, "tpm"),
        )

    @property
    def name(self) -> str:
        return f"tpm of {named(self.scope)}"

    def amount(self, consumption: Consumption) -> int:
        return consumption.tokens

    def claim(self, worst: Consumption) -> Claim:
        # Held at most whole: a call that is larger than the bucket passes when it is full, and leaves a debt.
        return Claim(self.key, self.rule, min(worst.tokens, self.rule.limit or worst.tokens))
