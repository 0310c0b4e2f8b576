"""The limits and budgets of every scope that the settings name."""

from __future__ import annotations

from gateway.core.ceilings import Ceilings
from gateway.limits.book import Book
from gateway.settings import Settings
from gateway.settings.ceilings import ceilings


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
