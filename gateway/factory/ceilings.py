"""The limits and budgets of every scope that the settings name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.core.money import nanousd
from gateway.limits.base import Limit
from gateway.limits.book import Book, limits_of
from gateway.settings import Settings
from gateway.settings.terms import Budget, Limits


def build_book(settings: Settings) -> Book:
    """All limits, by scope."""
    scopes: dict[str, Sequence[Limit]] = {}

    def add(scope: str, limits: Limits, budgets: Iterable[Budget]) -> None:
        scopes[scope] = limits_of(
            scope,
            rpm=limits.rpm,
            tpm=limits.tpm,
            images_per_minute=limits.images_per_minute,
            concurrency=limits.concurrency,
            budgets=[(nanousd(budget.usd), budget.per) for budget in budgets],
        )

    add("global", settings.everyone.limits, settings.everyone.budgets)
    for name, team in settings.teams.items():
        add(f"team {name}", team.limits, team.budgets)
    for key in settings.keys:
        add(f"key {key.name}", key.limits, key.budgets)
    for name, model in settings.models.items():
        add(f"model {name}", model.limits, model.budgets)
    for name, provider in settings.providers.items():
        add(f"provider {name}", provider.limits, provider.budgets)
    return Book({scope: limits for scope, limits in scopes.items() if limits})
