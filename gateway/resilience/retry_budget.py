"""How many retries may ride on the calls that go well."""

from __future__ import annotations

from gateway.core.clock import Clock


class RetryBudget:
    """Each call deposits a share of a retry, each retry withdraws a whole one: retries stay a share of the traffic.

    Without it every layer's retries multiply in an outage, and a provider that has just come back is knocked over.
    Deposits fade over ``ttl_s``; a small reserve that fills with time lets a quiet gateway retry too. Only asking the
    *same* target again costs: going on to another one is bounded by the ceiling on attempts, and refusing it while a
    healthy target stands by would make an outage of a fault. After tower's and Finagle's retry budgets.
    """

    def __init__(self, clock: Clock, *, share: float = 0.2, reserve_per_s: float = 2.0, ttl_s: float = 10.0) -> None:
        self._clock = clock
        self._share = share
        self._reserve_per_s = reserve_per_s
        self._ttl_s = ttl_s
        self._balance = self._reserve = reserve_per_s * ttl_s
        self._at = clock.monotonic()

    def deposit(self) -> None:
        """A call began."""
        self._fade()
        self._balance += self._share

    def withdraw(self) -> bool:
        """Take a retry, if there is one."""
        self._fade()
        if self._balance < 1:
            return False
        self._balance -= 1
        return True

    def _fade(self) -> None:
        now = self._clock.monotonic()
        elapsed, self._at = now - self._at, now
        if elapsed > 0:
            # Towards the reserve from both sides: deposits above it fade, withdrawals below it are refilled.
            gap = self._reserve - self._balance
            step = min(1.0, elapsed / self._ttl_s) * abs(gap)
            refill = self._reserve_per_s * elapsed
            self._balance += min(gap, max(step, refill)) if gap > 0 else -step

    def __repr__(self) -> str:
        return f"<RetryBudget {self._balance:.1f}>"
