"""What a rule sees: the valid settings, the names that the file has, and where to tell what is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.errors import Problem
from gateway.settings.access import Users
from gateway.settings.document import Document
from gateway.settings.model import Model, Target
from gateway.settings.reader import Place
from gateway.settings.schema import Settings
from gateway.settings.sound import Sound
from gateway.settings.terms import Budget, Limits


class View:
    """Places are those of ``settings``; problems get those of the file, where a wrong list item moves the others."""

    def __init__(self, settings: Settings, document: Document, sound: Sound) -> None:
        self.settings = settings
        self.problems: list[Problem] = []
        self._document = document
        self._sound = sound

    def error(self, place: Place, what: str, fix: str) -> None:
        self.problems.append(self._document.problem(self._sound.place(place), what, fix))

    def warning(self, place: Place, what: str, fix: str) -> None:
        self.problems.append(self._document.problem(self._sound.place(place), what, fix, is_warning=True))

    def names(self, section: str) -> frozenset[str]:
        """What ``section`` names, entries that are wrong in themselves among them: to name those is right."""
        return frozenset(self._document.names(section))

    def said(self, place: Place) -> str:
        """The scalar at ``place`` as the file has it: never what the environment made of it."""
        return self._document.source(self._sound.place(place)) or "that"

    def variables(self, place: Place) -> tuple[str, ...]:
        return self._document.variables(self._sound.place(place))

    def is_whole(self, place: Place, *names: str) -> bool:
        """Nothing at or below ``place`` was wrong in itself, so what isn't there was not written. With ``names``:
        nothing at these settings of it.
        """
        place = self._sound.place(place)
        places = [(*place, name) for name in names] or [place]
        return not any(map(self._sound.is_touched, places))

    def targets(self) -> Iterator[tuple[Place, Target]]:
        for name, model in self.settings.models.items():
            for index, target in enumerate(model.targets):
                yield ("models", name, "targets", index), target

    def budgets(self) -> Iterator[tuple[Place, tuple[Budget, ...]]]:
        """Every list of budgets."""
        settings = self.settings
        for section in ("providers", "models", "teams"):
            for name, entry in getattr(settings, section).items():
                yield (section, name, "budgets"), entry.budgets
        for index, key in enumerate(settings.keys):
            yield ("keys", index, "budgets"), key.budgets
        for place, users in self.users():
            yield (*place, "budgets"), users.budgets
        if settings.oidc is not None:
            yield ("oidc", "budgets"), settings.oidc.budgets
        yield ("global", "budgets"), settings.everyone.budgets

    def users(self) -> Iterator[tuple[Place, Users]]:
        """What each end user may use, of every team and key."""
        for name, team in self.settings.teams.items():
            yield ("teams", name, "users"), team.users
        for index, key in enumerate(self.settings.keys):
            yield ("keys", index, "users"), key.users

    def limits(self) -> Iterator[tuple[Place, Limits]]:
        """Every section of limits."""
        settings = self.settings
        for section in ("providers", "models", "teams"):
            for name, entry in getattr(settings, section).items():
                yield (section, name, "limits"), entry.limits
        for index, key in enumerate(settings.keys):
            yield ("keys", index, "limits"), key.limits
        for place, users in self.users():
            yield (*place, "limits"), users.limits
        if settings.oidc is not None:
            yield ("oidc", "limits"), settings.oidc.limits
        yield ("global", "limits"), settings.everyone.limits

    def has_keys(self) -> bool:
        """The file names at least one client, rightly or wrongly."""
        return bool(self.settings.keys) or not self.is_whole(("keys",))

    def is_served(self, model: Model) -> bool:
        """One of its targets has a provider that is on."""
        providers = self.settings.providers
        return any(t.provider in providers and not providers[t.provider].is_off for t in model.targets)
