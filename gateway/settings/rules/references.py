"""Names must name something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from gateway.settings.near import choice
from gateway.settings.reader import Place
from gateway.settings.rules.view import View


def targets_name_providers(view: View) -> None:
    known = view.names("providers")
    for place, target in view.targets():
        if target.provider not in known:
            said = view.said((*place, "provider"))
            said = view.said(place) if said == "that" else said
            view.error(
                (*place, "provider"),
                f"there is no provider {said.partition('/')[0]}",
                choice(target.provider, known, noun="providers"),
            )


def fallbacks_name_models(view: View) -> None:
    known = view.names("models")
    for name, model in view.settings.models.items():
        for index, fallback in enumerate(model.fallbacks):
            place = ("models", name, "fallbacks", index)
            if fallback not in known:
                fix = choice(fallback, known - {name}, noun="models")
                view.error(place, f"there is no model {view.said(place)}", fix)


def fallbacks_end(view: View) -> None:
    fallbacks = {name: model.fallbacks for name, model in view.settings.models.items()}
    for circle in _circles(fallbacks):
        way = " -> ".join((*circle, circle[0]))
        view.error(("models", circle[0], "fallbacks"), f"go round in a circle: {way}", "Take one of them out.")


def routes_name_providers(view: View) -> None:
    known = view.names("providers")
    for name, model in view.settings.models.items():
        asked = model.route.providers
        place: Place = ("models", name, "route", "providers")
        for field, names in (("only", asked.only or ()), ("ignore", asked.ignore), ("order", asked.order)):
            for wrong in sorted(set(names) - known):
                # Sets have no positions: the list's own line is near enough.
                fix = choice(wrong, known, noun="providers")
                view.error((*place, field), "names a provider that there isn't", fix)


def keys_name_teams(view: View) -> None:
    known = view.names("teams")
    for index, key in enumerate(view.settings.keys):
        if key.team is not None and key.team not in known:
            place = ("keys", index, "team")
            view.error(place, f"there is no team {view.said(place)}", choice(key.team, known, noun="teams"))


def globs_match_models(view: View) -> None:
    known = view.names("models")
    for index, key in enumerate(view.settings.keys):
        for position, glob in enumerate(key.models):
            if not any(fnmatchcase(model, glob) for model in known) and known:
                place = ("keys", index, "models", position)
                fix = choice(glob, known, noun="models")
                view.warning(place, f"{view.said(place)} matches no model", fix)


def _circles(edges: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Each circle that a walk along ``edges`` meets, once. No recursion: a chain may be as long as it likes."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        waiting: list[tuple[str, int]] = [(start, 0)]
        while waiting:
            name, depth = waiting.pop()
            del path[depth:]
            if name in path:
                yield tuple(path[path.index(name) :])
            elif name not in done:
                path.append(name)
                onward = [(other, depth + 1) for other in reversed(edges.get(name, ()))]
                waiting += onward
                # Everything below a name is walked before the names beside it, so it need not be walked again.
                done.add(name)
