"""Between limits and budgets as people write them and the plain figures that are kept of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from gateway.core.ceilings import Allowance, Ceilings, Measure
from gateway.core.money import nanousd, usd
from gateway.settings.access import Users
from gateway.settings.terms import Budget, Limits


def ceilings(limits: Limits, budgets: Iterable[Budget]) -> Ceilings:
    """What the settings of one scope say."""
    return Ceilings(
        rpm=limits.rpm,
        tpm=limits.tpm,
        images_per_minute=limits.images_per_minute,
        concurrency=limits.concurrency,
        budgets=tuple(
            Allowance(nanousd=nanousd(budget.usd), per=budget.per, on_outage=budget.on_outage) for budget in budgets
        ),
        on_outage=limits.on_outage,
    )


def of_users(users: Users) -> Ceilings:
    """What each end user may use."""
    return ceilings(users.limits, users.budgets)


def written(figures: Ceilings) -> dict[str, Any]:
    """``limits`` and ``budgets`` as a file would have them, without what is not limited: the way back."""
    limits = {name: limit for name in get_args(Measure) if (limit := getattr(figures, name)) is not None}
    if figures.on_outage:
        limits["on_outage"] = dict(figures.on_outage)
    budgets = [
        {"usd": usd(budget.nanousd), "per": budget.per}
        | ({"on_outage": budget.on_outage} if budget.on_outage is not None else {})
        for budget in figures.budgets
    ]
    said = {"limits": limits, "budgets": budgets}
    return {name: value for name, value in said.items() if value}
