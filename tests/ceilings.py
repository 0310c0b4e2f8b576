"""Ceilings from plain figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.core.ceilings import Allowance, Ceilings, Window
from gateway.limits.base import Limit
from gateway.limits.book import limits_of as limits_of_ceilings


def ceilings(*, budgets: Sequence[tuple[int, Window]] = (), **figures: Any) -> Ceilings:
    """``budgets`` are (nano-dollars, window)."""
    return Ceilings(budgets=tuple(Allowance(nanousd=amount, per=per) for amount, per in budgets), **figures)


def limits_of(scope: str, **figures: Any) -> tuple[Limit, ...]:
    return limits_of_ceilings(scope, ceilings(**figures))
