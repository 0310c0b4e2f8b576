"""The limits and budgets of every scope that the settings name."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core.ceilings import Allowance, Ceilings
from gateway.core.money import nanousd
from gateway.limits.book import Book
from gateway.settings import Settings
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


def build_book(settings: Settings) -> Book:
    """All limits by scope, but for those that callers bring."""
    return Book({**_first(settings), **_last(settings)}, settings.state.on_outage)


def all_scopes(settings: Settings) -> tuple[tuple[str, Ceilings], ...]:
    """Every scope of the settings, callers' own among them, the widest first."""
    teams = {f"team {name}": ceilings(team.limits, team.budgets) for name, team in settings.teams.items()}
    keys = {f"key {key.name}": ceilings(key.limits, key.budgets) for key in settings.keys}
    return tuple({**_first(settings), **teams, **keys, **_last(settings)}.items())


def _first(settings: Settings) -> dict[str, Ceilings]:
    return {"global": ceilings(settings.everyone.limits, settings.everyone.budgets)}


def _last(settings: Settings) -> dict[str, Ceilings]:
    models = {f"model {name}": ceilings(model.limits, model.budgets) for name, model in settings.models.items()}
    providers = {f"provider {name}": ceilings(each.limits, each.budgets) for name, each in settings.providers.items()}
    return models | providers
